import { expect, test } from "vitest";
import { inServingWorld, inWorld } from "./in-world.ts";

test("R1 the first deployment goes to 100 % in one step", async () => {
  const world = inWorld();

  const { outcome } = await world.deploy("v1.0.0");

  expect(outcome).toBe("succeeded");
  const { shifts, lost } = world.at();
  expect(shifts.map(({ component, weights }) => `${component}: ${weights.join()}`)).toEqual([
    "api: v1.0.0 100 %",
    "web: v1.0.0 100 %",
  ]);
  expect(await world.at().running()).toEqual(["api v1.0.0", "api v1.0.0", "web v1.0.0", "jobs v1.0.0"]);
  expect(lost).toEqual([]);
});

test("R1 R5 a healthy release goes through every weight", async () => {
  const world = await inServingWorld();

  const { outcome, failure } = await world.deploy("v1.1.0");

  expect({ outcome, failure }).toEqual({ outcome: "succeeded", failure: null });
});
