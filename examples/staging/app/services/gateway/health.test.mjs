import assert from "node:assert/strict";
import { test } from "node:test";
import { healthFrom } from "./health.mjs";

test("the gateway is healthy with auth, and failing without", () => {
  assert.equal(healthFrom(200, "v1").status, 200);
  assert.equal(healthFrom(503, "v1").status, 503);
  assert.equal(healthFrom(undefined, "v1").status, 503);
});
