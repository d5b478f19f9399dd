/**
 * What a deployment's record says of its comparison with the stable version: what was fixed before, the verdict with its evidence,
 * what was not known, and the whole series of buckets. A deployment in which nothing was compared says why.
 */
import type { MetricBucket, RateCounts } from "./canary/bucket.ts";
import { type CanaryVerdict, judgeCanary } from "./canary/judge.ts";
import type { CanaryPlan } from "./canary/plan.ts";
import { exposureThrough, replayEvidence } from "./canary/replay.ts";
import { type Series, seriesOf } from "./canary/series.ts";
import { humanDuration } from "./duration.ts";
import type { DeploymentEvent } from "./events.ts";
import { type VerdictDrawing, verdictSvg } from "./verdict-svg.ts";

/** What the test was fixed to before the candidate's first request. */
export interface FixedVerdict {
  readonly canary: CanaryPlan;
  readonly candidate: { readonly version: string };
  readonly stable: { readonly version: string };
  readonly requestsPerSecond: number;
  readonly remarks: readonly string[];
}

/** What it cost to find out: the candidate's requests up to the decision. */
export interface Caught {
  readonly requests: number;
  readonly failed: number;
  /** From the first shift to the decision; null where the story has no such moments. */
  readonly afterMs: number | null;
}

export type RecordedVerdict =
  | { readonly compared: false; readonly why: string; readonly caught: Caught | null }
  | {
      readonly compared: true;
      readonly mode: string;
      readonly candidate: string;
      readonly stable: string;
      readonly kind: CanaryVerdict["kind"];
      readonly reason: string;
      readonly remarks: readonly string[];
      readonly unknown: CanaryVerdict["unknownMetrics"];
      readonly evidence: CanaryVerdict["evidence"];
      readonly excessUpperBound: CanaryVerdict["excessUpperBound"];
      /** Null where nothing was taken back, or nothing counted. */
      readonly caught: Caught | null;
      readonly requestsPerSecond: number;
      readonly plan: CanaryPlan;
      readonly series: Series;
    };

export interface VerdictFacts {
  readonly fixed: FixedVerdict;
  readonly mode: string;
  readonly environment: string;
  readonly buckets: readonly MetricBucket[];
  readonly events: readonly DeploymentEvent[];
}

interface Told {
  readonly shifted?: boolean;
  readonly percent?: number;
  readonly backOn?: string | null;
  readonly candidate?: { readonly requests: number; readonly errors: number } | null;
}

const toldIn = ({ detail }: DeploymentEvent): Told => (detail ?? {}) as Told;

/** The weights as they were read back from the router, in order. */
export function weightsIn(events: readonly DeploymentEvent[]): VerdictDrawing["weights"] {
  return events.flatMap((event) => {
    const { shifted, percent, backOn } = toldIn(event);
    if (backOn !== undefined) return [{ atMs: event.atMs, percent: 0 }];
    return shifted && percent !== undefined ? [{ atMs: event.atMs, percent }] : [];
  });
}

export function recordVerdict({ fixed, mode, environment, buckets, events }: VerdictFacts): {
  readonly recorded: RecordedVerdict;
  readonly svg: string;
} {
  const { canary, candidate, stable, remarks, requestsPerSecond } = fixed;
  const { points, state } = replayEvidence(canary, buckets);
  const { kind, reason, evidence, excessUpperBound, unknownMetrics } = judgeCanary(canary, state);
  const weights = weightsIn(events);
  const inBuckets = state.rollback && exposureThrough(points, state.rollback.index);
  const caught = caughtIn(events, mode === "decides" ? inBuckets : null);
  const recorded: RecordedVerdict = {
    ...{ compared: true, mode, kind, reason, remarks, evidence, excessUpperBound, caught, requestsPerSecond },
    candidate: candidate.version,
    stable: stable.version,
    unknown: unknownMetrics,
    plan: canary,
    series: seriesOf(buckets),
  };
  const svg = verdictSvg({
    title: `${candidate.version} against ${stable.version} in ${environment}`,
    subtitle: verdictWords(recorded),
    candidate: candidate.version,
    stable: stable.version,
    points,
    weights,
    threshold: evidence.threshold,
  });
  return { recorded, svg };
}

/** @param decided what was counted in the buckets up to the one that decided; null: what the rounds of looking at it had told. */
export function caughtIn(events: readonly DeploymentEvent[], decided: RateCounts | null): Caught | null {
  if (!weightsIn(events).some(({ percent }) => percent === 0)) return null;
  const { events: failed, total: requests } = decided ?? toldExposure(events);
  return requests === 0 ? null : { requests, failed, afterMs: decidedAfterMs(events) };
}

/** Each weight, and the watch, begins a count of its own: the last one of each, added up. One that was begun again goes on counting. */
function toldExposure(events: readonly DeploymentEvent[]): RateCounts {
  const counts = new Map<string, RateCounts>();
  let running = "";
  for (const event of events.filter(({ actor }) => actor === null)) {
    const { candidate } = toldIn(event);
    if (event.phase === "begin") running = `${event.step} ${event.key}`;
    if (candidate) counts.set(running, { events: candidate.errors, total: candidate.requests });
  }
  return [...counts.values()].reduce(
    (sum, { events: failed, total }) => ({ events: sum.events + failed, total: sum.total + total }),
    { events: 0, total: 0 },
  );
}

/** The decision is the first stage that ended badly after traffic had moved. */
function decidedAfterMs(events: readonly DeploymentEvent[]): number | null {
  const shift = events.find((event) => toldIn(event).shifted === true);
  const decision = shift && events.find(({ seq, phase, tone }) => seq > shift.seq && phase === "end" && tone === "bad");
  return shift && decision ? decision.atMs - shift.atMs : null;
}

const kindWords: Readonly<Record<CanaryVerdict["kind"], string>> = {
  rollback: "worse than the stable version",
  hold: "different from the stable version, so it was held",
  good: "proven good",
  undecided: "not decided, which is no pass",
};

/** `Proven good: …`; what only advised says so. */
export function verdictWords(verdict: RecordedVerdict): string {
  if (!verdict.compared) return `Nothing was compared: ${verdict.why}`;
  const { kind, reason, mode } = verdict;
  const words = `${kindWords[kind].charAt(0).toUpperCase()}${kindWords[kind].slice(1)}: ${reason}`;
  return mode === "advisory" ? `${words} (only advised)` : words;
}

/** `after 130 candidate requests, 128 of them failed, 7.2 s after its first traffic`. */
export function caughtWords({ requests, failed, afterMs }: Caught): string {
  const count = (n: number): string => n.toLocaleString("en-US");
  const seen = `after ${count(requests)} candidate request${requests === 1 ? "" : "s"}, ${count(failed)} of them failed`;
  return afterMs === null ? seen : `${seen}, ${humanDuration(afterMs)} after its first traffic`;
}
