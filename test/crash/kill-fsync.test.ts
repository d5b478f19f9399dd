/**
 * Z1 the process that runs a deployment is killed at the n-th fsync: what is replaced as a whole is whole, and another process ends the
 * deployment. SLUICE_CRASH_SEED repeats the choice of n; `npm run crash -- --only fsync` walks all of them.
 */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type KillPlace, openKillPlace } from "./kill-place.ts";
import { killAt } from "./kill-run.ts";
import { enumerate, type KillPoint, sampleOf } from "./kill-walk.ts";

const seed = Number(process.env.SLUICE_CRASH_SEED ?? Math.floor(Math.random() * 1e6));
const chosen = 3;

/** Some containers have it and forbid what it does. */
const canTrace = spawnSync("strace", ["-f", "-qq", "-o", "/dev/null", "true"]).status === 0;
if (!canTrace) console.log("skipped: kills at an fsync need strace, and a system that allows it");

describe.skipIf(!canTrace)("Z1 the process that runs a deployment is killed at an fsync", () => {
  let place: KillPlace;
  let points: readonly KillPoint[];

  beforeAll(async () => {
    place = await openKillPlace();
    points = await enumerate(place, ["fsync"]);
  }, 240_000);

  afterAll(async () => {
    await place?.close();
  });

  test.for(Array.from({ length: chosen }, (_, at) => at))(
    "no file is torn and the deployment ends as if nothing had happened, sample %i",
    { timeout: 120_000 },
    async (at) => {
      const point = sampleOf(points, chosen, seed)[at];
      if (point === undefined) throw new Error("there are fewer fsyncs than are chosen");
      console.log(`killed at ${point.name} of ${points.length} (SLUICE_CRASH_SEED=${seed})`);

      const { faults } = await killAt(place, point.scenario, point.point, point.told);

      expect(faults, `again: npm run crash -- --point '${point.name}'`).toEqual([]);
    },
  );
});
