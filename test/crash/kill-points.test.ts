/**
 * Z1 a few of the kill points that `npm run crash -- --all` walks, chosen by a seed: SLUICE_CRASH_SEED. Which points there are is found by
 * running each kind of deployment once.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type KillPlace, openKillPlace } from "./kill-place.ts";
import { type KillRow, killAt } from "./kill-run.ts";
import { enumerate, type KillPoint, sampleOf } from "./kill-walk.ts";

const seed = Number(process.env.SLUICE_CRASH_SEED ?? Math.floor(Math.random() * 1e6));
const chosen = 8;

/** Each of these was once a place where something was lost. */
const remembered = [
  // Nobody was told how it ended: the news was still in the outbox, and nobody takes over what has ended.
  "canary: finish · after ledger.finish#1",
];

let place: KillPlace;
let points: readonly KillPoint[];

beforeAll(async () => {
  place = await openKillPlace();
  points = await enumerate(place, ["forward", "canary"]);
}, 240_000);

afterAll(async () => {
  await place?.close();
});

const killedAt = ({ scenario, point, told }: KillPoint): Promise<KillRow> => killAt(place, scenario, point, told);

describe("Z1 the process that runs a deployment is killed at an exact place", () => {
  test("and there are places before and after each effect and each entry of the journal", () => {
    const names = new Set(points.map(({ name }) => name));

    expect(names.size).toBe(points.length);
    for (const what of ["migrator.apply", "target.start", "router.shift", "backups.put", "ledger.setServing"]) {
      expect(
        [...names].filter((name) => name.includes(` before ${what}#`)),
        what,
      ).not.toEqual([]);
      expect(
        [...names].filter((name) => name.includes(` after ${what}#`)),
        what,
      ).not.toEqual([]);
    }
    for (const moment of ["before its body", "after its body", "recorded"]) {
      expect([...names].filter((name) => name.endsWith(` · ${moment}`)).length, moment).toBeGreaterThan(30);
    }
  });

  test.for(remembered)("as it was lost before: %s", { timeout: 120_000 }, async (name) => {
    const point = points.find((each) => each.name === name);
    if (point === undefined) throw new Error(`there is no point ${name} any more`);

    expect((await killedAt(point)).faults).toEqual([]);
  });

  test.for(Array.from({ length: chosen }, (_, at) => at))(
    "and it ends as if nothing had happened, sample %i",
    { timeout: 120_000 },
    async (at) => {
      const point = sampleOf(points, chosen, seed)[at];
      if (point === undefined) throw new Error("there are fewer points than are chosen");
      console.log(`killed at ${point.name} (SLUICE_CRASH_SEED=${seed})`);

      const { faults } = await killedAt(point);

      expect(faults, `again: npm run crash -- --point '${point.name}'`).toEqual([]);
    },
  );
});
