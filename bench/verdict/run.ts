/** Many seeded runs of one scene, all rules looking at the same requests. */
import { seededRandom } from "./random.ts";
import type { Rule } from "./rule.ts";
import { bucketSeconds, horizonBuckets, type Scene, trafficOf } from "./traffic.ts";

/** Of one rule: the bucket of each run at whose end it rolled back, or `undefined`; and the candidate's requests until then. */
export interface Outcome {
  readonly rule: Rule;
  readonly seconds: readonly (number | undefined)[];
  readonly exposed: readonly number[];
}

interface Mutable {
  readonly seconds: (number | undefined)[];
  readonly exposed: number[];
}

export function runScene(rules: readonly Rule[], scene: Scene, runs: number, seed: number): readonly Outcome[] {
  const outcomes = rules.map((rule) => ({ rule, seconds: [], exposed: [] }) as { rule: Rule } & Mutable);
  for (let run = 0; run < runs; run += 1) {
    const ended = runOnce(rules, scene, (seed * 1_000_003 + run * 7919) | 0);
    for (const [at, { seconds, exposed }] of ended.entries()) {
      outcomes[at]?.seconds.push(seconds);
      outcomes[at]?.exposed.push(exposed);
    }
  }
  return outcomes;
}

interface Ended {
  readonly seconds: number | undefined;
  readonly exposed: number;
}

function runOnce(rules: readonly Rule[], scene: Scene, seed: number): readonly Ended[] {
  const traffic = trafficOf(scene, seededRandom(seed));
  const judges = rules.map((rule, at) => rule.begin(scene, seededRandom(seed + 31 * (at + 1))));
  const ended: (Ended | undefined)[] = rules.map(() => undefined);
  let exposed = 0;
  let open = rules.length;
  for (let index = 0; index < horizonBuckets && open > 0; index += 1) {
    const bucket = traffic(index, scene.share);
    exposed += bucket.candidate.total;
    for (const [at, judge] of judges.entries()) {
      if (ended[at] !== undefined || !judge(bucket, index)) continue;
      ended[at] = { seconds: (index + 1) * bucketSeconds, exposed };
      open -= 1;
    }
  }
  return ended.map((end) => end ?? { seconds: undefined, exposed });
}

export const shareOf = (values: readonly unknown[]): number =>
  values.filter((value) => value !== undefined).length / Math.max(1, values.length);

/** A run that never ended counts as infinitely long. */
export function quantile(values: readonly (number | undefined)[], at: number): number {
  const sorted = values.map((value) => value ?? Number.POSITIVE_INFINITY).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? Number.NaN;
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
