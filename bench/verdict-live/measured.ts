/** What one deployment cost, from three sides: its story, the router's weights, and its clients. */
import type { JsonLine } from "../../test/e2e/project.ts";
import type { Load } from "./load.ts";
import type { Row } from "./rows.ts";
import type { WeightLog } from "./weight-log.ts";

/** An event of the story, as `--json` prints it. */
export interface StoryLine extends JsonLine {
  readonly atMs?: number;
  readonly tone?: string;
}

export interface Measured {
  readonly row: string;
  readonly version: string;
  readonly outcome: string;
  readonly reason: string | null;
  /** Each weight of the candidate that the story tells, in seconds from the first. */
  readonly weights: readonly { readonly percent: number; readonly afterSeconds: number }[];
  /** From the first weight to the decision to go back; null: there was none. */
  readonly detectionSeconds: number | null;
  /** From the first weight until it had all traffic but the control; null where it never did. */
  readonly toControlSeconds: number | null;
  readonly toFullSeconds: number | null;
  /** From the moment at which the last bucket could be read until the test's verdict was told; null for other rules. */
  readonly lookMs: number | null;
  /** From the event of the decision until the router had the stable version alone. */
  readonly backMs: number | null;
  /** The same until it was read back and told. */
  readonly readBackMs: number | null;
  /** What the candidate answered, by its clients. */
  readonly exposed: number;
  readonly failedThere: number;
  /** Everything that failed between the first weight and the way back (or the end), the stable version's own failures included. */
  readonly failedInAll: number;
  readonly lost: number;
  /** Of all answers meanwhile. */
  readonly p99Ms: number;
  /** How long after the decision the last request was due that the candidate answered. */
  readonly lastExposedMs: number | null;
}

/** Undefined: no traffic was shifted. */
export async function measured(
  row: Row,
  version: string,
  story: readonly StoryLine[],
  weights: WeightLog,
  load: Load,
): Promise<Measured | undefined> {
  const events = story.filter(({ type }) => type === "event");
  const ended = story.findLast(({ type }) => type === "ended");
  const shifts = events.filter(({ detail }) => detail?.shifted === true);
  const startMs = weights.all.findLast(
    ({ atMs, percents }) => percents.length === 2 && atMs <= at(shifts[0]) && atMs > at(events[0]),
  )?.atMs;
  if (startMs === undefined) return undefined;
  const decided = decisionOf(events);
  const back = events.find(({ detail }) => detail?.backOn !== undefined);
  const alone = weights.all.find(({ atMs, percents }) => percents.length === 1 && decided && atMs >= at(decided));
  const endMs = at(back ?? events.at(-1));
  const [there, all] = [await load.seen(startMs, Date.now(), version), await load.seen(startMs, endMs)];
  const since = (event: StoryLine | undefined) => (event === undefined ? null : (at(event) - startMs) / 1000);
  const reached = (percent: number) => since(shifts.find(({ detail }) => Number(detail?.percent) >= percent));
  const after = (ms: number | undefined) => (decided === undefined || ms === undefined ? null : ms - at(decided));
  return {
    row: row.name,
    version,
    outcome: ended?.outcome ?? "unknown",
    reason: ended?.failure?.message ?? null,
    weights: shifts.map((shift) => ({ percent: Number(shift.detail?.percent), afterSeconds: since(shift) ?? 0 })),
    detectionSeconds: since(decided),
    toControlSeconds: reached(95),
    toFullSeconds: reached(100),
    lookMs: row.grid && decided ? (at(decided) - row.grid.graceMs) % row.grid.bucketMs : null,
    backMs: after(alone?.atMs),
    readBackMs: after(back?.atMs),
    exposed: there.requests,
    failedThere: there.failed,
    failedInAll: all.failed,
    lost: all.lost,
    p99Ms: all.p99Ms,
    lastExposedMs: after(there.lastMs),
  };
}

const at = (event: StoryLine | undefined): number => event?.atMs ?? Number.NaN;

/** The test tells its verdict before it acts; a fixed limit is told with the end of its step. */
function decisionOf(events: readonly StoryLine[]): StoryLine | undefined {
  const verdict = events.find(({ detail }) => (detail?.evidence as { kind?: string } | undefined)?.kind === "rollback");
  return verdict ?? events.find(({ step, phase, tone }) => step === "rollout" && phase === "end" && tone === "bad");
}
