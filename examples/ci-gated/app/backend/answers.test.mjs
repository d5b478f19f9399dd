import assert from "node:assert/strict";
import { test } from "node:test";
import { answerTo } from "./answers.mjs";

test("health names the version", () => {
  assert.deepEqual(answerTo("/api/health", "v1"), { status: 200, body: { status: "ok", version: "v1" } });
});

test("every documented path answers", () => {
  const { paths } = answerTo("/api/docs", "v1").body;

  assert.equal(paths.length, 3);
  for (const path of paths) assert.equal(answerTo(path, "v1").status, 200, path);
});
