/**
 * Keeps the promise "asking twice gives the same counts" for providers that might revise or forget: what was told once about a
 * bucket is what is told again, in this process. Across processes it is the pipeline's table of applied buckets that keeps it.
 * A missing bucket is asked for again.
 */
import type { MetricBucket } from "../domain/canary/bucket.ts";
import { indexesOf } from "../domain/metric-counters.ts";
import { missing } from "../domain/metric-pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { MetricQuery, MetricSource } from "../ports/metric-source.ts";

/** Buckets kept: fifteen minutes of ten metrics at the finest grid there is, and more. */
const most = 20_000;

export function remembering(source: MetricSource): MetricSource {
  const told = new Map<string, MetricBucket>();
  return {
    ...source,
    async read(query, signal) {
      signal.throwIfAborted();
      const fresh = await freshBuckets(source, query, told, signal);
      for (const [key, bucket] of fresh) if (bucket.reading.kind !== "missing" && !told.has(key)) told.set(key, bucket);
      forget(told);
      return bucketsOf(source, query).map(({ metric, index, key }) => {
        const bucket = told.get(key) ?? fresh.get(key);
        return bucket ?? missing(metric, index, `${source.name}: it left this interval out`);
      });
    },
  };
}

/** Every bucket that a query asks for, with the name it is remembered by. */
const bucketsOf = ({ metrics }: MetricSource, query: MetricQuery) =>
  metrics.flatMap((metric) => indexesOf(query).map((index) => ({ metric, index, key: keyOf(query, metric, index) })));

const keyOf = ({ bucketMs, candidate, stable }: MetricQuery, metric: string, index: number): string =>
  JSON.stringify([bucketMs, candidate, stable, metric, index]);

/** Asks for the shortest stretch that has all that is not remembered. */
async function freshBuckets(
  source: MetricSource,
  query: MetricQuery,
  told: ReadonlyMap<string, MetricBucket>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, MetricBucket>> {
  const open = bucketsOf(source, query).filter(({ key }) => !told.has(key));
  if (open.length === 0) return new Map();
  const indexes = open.map(({ index }) => index);
  const stretch = { ...query, fromIndex: Math.min(...indexes), toIndex: Math.max(...indexes) + 1 };
  const buckets = await source.read(stretch, signal);
  return new Map(buckets.map((bucket) => [keyOf(query, bucket.metric, bucket.index), bucket]));
}

function forget(told: Map<string, MetricBucket>): void {
  const surplus = told.size - most;
  if (surplus > 0) for (const key of [...told.keys()].slice(0, surplus)) told.delete(key);
}

/** Why a bucket cannot be asked for yet; undefined once the provider has all of it. */
export function unsettled(index: number, bucketMs: number, settledAfterMs: number, clock: Clock): string | undefined {
  const completeAtMs = (index + 1) * bucketMs + settledAfterMs;
  return clock.now() >= completeAtMs
    ? undefined
    : `it is complete ${settledAfterMs / 1000} s after an interval's end, which is not over yet`;
}
