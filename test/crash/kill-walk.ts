/** Which points there are, and a walk over some of them by one or two processes, each in a project of its own. */
import { type KillPlace, openKillPlace } from "./kill-place.ts";
import { fsyncPointsOf, type KillRow, killAt, pointsOf, type Undisturbed } from "./kill-run.ts";
import { type KillScenario, killScenarios } from "./kill-scenarios.ts";

export interface KillPoint {
  /** `<scenario>: <point>`, unique. */
  readonly name: string;
  readonly scenario: KillScenario;
  readonly point: string;
  /** What people hear when nothing is killed. */
  readonly told: readonly string[];
}

/** Kills at every fsync are a walk of their own through a forward deployment. */
const fsyncWalk = "fsync";

export const walkNames: readonly string[] = [...killScenarios.map(({ name }) => name), fsyncWalk];

/** Found by running each scenario once undisturbed. */
export async function enumerate(place: KillPlace, walks: readonly string[]): Promise<readonly KillPoint[]> {
  const found: KillPoint[] = [];
  for (const scenario of killScenarios) {
    if (walks.includes(scenario.name)) found.push(...named(scenario, await pointsOf(place, scenario)));
    if (scenario.name === "forward" && walks.includes(fsyncWalk)) {
      found.push(...named(scenario, await fsyncPointsOf(place, scenario)));
    }
  }
  return found;
}

const named = (scenario: KillScenario, { points, told }: Undisturbed): readonly KillPoint[] =>
  points.map((point) => ({ name: `${scenario.name}: ${point}`, scenario, point, told }));

/** Some of them in an order that `seed` decides: the same seed and points give the same sample. */
export function sampleOf(points: readonly KillPoint[], size: number, seed: number): readonly KillPoint[] {
  const left = [...points];
  let state = seed >>> 0;
  const sample: KillPoint[] = [];
  while (sample.length < size && left.length > 0) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    sample.push(...left.splice(Math.floor((state / 2 ** 32) * left.length), 1));
  }
  return sample;
}

/** Ends early, with the rows so far, once `stopped`. A place that was left in disorder is not used again: a bad row must not make the next one bad. */
export async function walk(
  points: readonly KillPoint[],
  places: readonly KillPlace[],
  stopped: AbortSignal,
  tell: (row: KillRow, at: KillPoint) => void,
): Promise<readonly KillRow[]> {
  const rows = new Map<KillPoint, KillRow>();
  const left = [...points];
  const stepping = async (first: KillPlace) => {
    let place: KillPlace | undefined = first;
    try {
      for (let at = left.shift(); at !== undefined && !stopped.aborted; at = left.shift()) {
        const row = await rowOf(place, at);
        rows.set(at, row);
        tell(row, at);
        if (row.faults.length === 0 || left.length === 0) continue;
        const standby = place.standbyPid !== undefined;
        await place.close().catch(() => undefined);
        place = undefined;
        place = await openKillPlace({ standby });
      }
    } finally {
      await place?.close();
    }
  };
  await Promise.all(places.map(stepping));
  return points.flatMap((point) => rows.get(point) ?? []);
}

const triesMost = 5;

/**
 * One that could not even be looked at is a bad row as well. Whether a loop sleeps once more depends on the time that the machine takes:
 * a point that a run did not come by, and that did nothing wrong, is tried again.
 */
async function rowOf(place: KillPlace, { scenario, point, told }: KillPoint): Promise<KillRow> {
  try {
    for (let tries = 1; ; tries++) {
      const row = await killAt(place, scenario, point, told);
      if (row.reached || row.faults.length > 1 || tries === triesMost) return row;
    }
  } catch (thrown) {
    const nothing = { starts: 0, backups: 0, migrations: 0, weights: "", told: [], requests: 0 };
    const faults = [thrown instanceof Error ? thrown.message : String(thrown)];
    return {
      scenario: scenario.name,
      point,
      outcome: "unknown",
      resumedMs: undefined,
      ...nothing,
      reached: false,
      faults,
    };
  }
}
