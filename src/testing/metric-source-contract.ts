/**
 * What every source of metrics promises. An adapter's tests call this with a world in which both versions served and one in
 * which the provider cannot answer.
 */
import { describe, expect, test } from "vitest";
import type { BucketReading, LatencyCounts, MetricBucket, RateCounts } from "../domain/canary/bucket.ts";
import type { MetricQuery, MetricSource } from "../ports/metric-source.ts";

export interface AnsweringWorld {
  readonly source: MetricSource;
  /** Closed buckets in which both versions served, at least two. */
  readonly query: MetricQuery;
}

export interface MetricSourceWorlds {
  readonly answering: () => Promise<AnsweringWorld> | AnsweringWorld;
  /** The same source with its provider down. */
  readonly silent: () => Promise<AnsweringWorld> | AnsweringWorld;
  /** A source whose provider never answers, and that would wait for long. Absent where nothing can last. */
  readonly endless?: () => Promise<AnsweringWorld> | AnsweringWorld;
  /** Texts that no reading may show. */
  readonly neverShown?: readonly string[];
}

const never = new AbortController().signal;

/** Metric and index of every bucket that a query asks for. */
const wanted = ({ source, query }: AnsweringWorld): readonly string[] =>
  source.metrics.flatMap((metric) =>
    Array.from({ length: query.toIndex - query.fromIndex }, (_, at) => `${metric} ${query.fromIndex + at}`),
  );

const named = (buckets: readonly MetricBucket[]): readonly string[] =>
  buckets.map(({ metric, index }) => `${metric} ${index}`);

const rateIsSound = ({ events, total }: RateCounts): boolean =>
  events >= 0 && events <= total && Number.isFinite(total);

const latencyIsSound = ({ edgesMs, counts }: LatencyCounts): boolean =>
  counts.length === edgesMs.length + 1 &&
  counts.every((count) => Number.isFinite(count) && count >= 0) &&
  edgesMs.every((edge, place) => place === 0 || edge > (edgesMs[place - 1] ?? 0));

function isSound(reading: BucketReading): boolean {
  switch (reading.kind) {
    case "rate":
      return rateIsSound(reading.candidate) && rateIsSound(reading.stable);
    case "latency":
      return latencyIsSound(reading.candidate) && latencyIsSound(reading.stable);
    case "share":
      return Math.min(reading.candidateRequests, reading.stableRequests) >= 0;
    case "missing":
      return /^[^\p{Cc}]+$/u.test(reading.reason);
  }
}

export function metricSourceContract(name: string, worlds: MetricSourceWorlds): void {
  describe(`${name} keeps the contract of a metric source`, () => {
    test("O4 every metric has one bucket for every index asked, and its counts are never negative nor above their total", async () => {
      const world = await worlds.answering();

      const buckets = await world.source.read(world.query, never);

      expect(named(buckets).toSorted()).toEqual(wanted(world).toSorted());
      expect(buckets.filter(({ reading }) => !isSound(reading))).toEqual([]);
      expect(buckets.filter(({ reading }) => reading.kind !== "missing").length).toBeGreaterThan(0);
    });

    test("O4 asked twice for closed buckets it gives the same counts, whole or in parts", async () => {
      const { source, query } = await worlds.answering();
      const middle = query.fromIndex + 1;

      const whole = await source.read(query, never);
      const again = await source.read(query, never);
      const first = await source.read({ ...query, toIndex: middle }, never);
      const rest = await source.read({ ...query, fromIndex: middle }, never);

      const byName = (buckets: readonly MetricBucket[]) =>
        Object.fromEntries(buckets.map((bucket) => [`${bucket.metric} ${bucket.index}`, bucket]));
      expect(byName(again)).toEqual(byName(whole));
      expect({ ...byName(first), ...byName(rest) }).toEqual(byName(whole));
    });

    test("O4 the stable version's own history can be read, with it on both sides", async () => {
      const { source, query } = await worlds.answering();
      // What has no history can only tell what it was asked to watch.
      if (source.sample !== undefined) return;

      const buckets = await source.read({ ...query, candidate: query.stable }, never);

      const told = buckets.flatMap(({ reading }) => (reading.kind === "missing" ? [] : [reading]));
      expect(told.length).toBeGreaterThan(0);
      for (const reading of told) if ("candidate" in reading) expect(reading.candidate).toEqual(reading.stable);
    });

    test("O4 a query for no bucket is answered with none", async () => {
      const { source, query } = await worlds.answering();

      expect(await source.read({ ...query, toIndex: query.fromIndex }, never)).toEqual([]);
    });

    test("O4 a provider that is down is a reason in every bucket, in one line, and never an exception or a zero", async () => {
      const world = await worlds.silent();

      const buckets = await world.source.read(world.query, never);

      expect(named(buckets).toSorted()).toEqual(wanted(world).toSorted());
      for (const { reading } of buckets) {
        expect(reading).toMatchObject({ kind: "missing", reason: expect.stringMatching(/^[^\p{Cc}]{10,}$/u) });
      }
      for (const text of worlds.neverShown ?? []) expect(JSON.stringify(buckets)).not.toContain(text);
    });

    test("an aborted signal rejects with its reason", async () => {
      const { source, query } = await worlds.answering();
      const reason = new Error("the deployment was cancelled");

      await expect(source.read(query, AbortSignal.abort(reason))).rejects.toBe(reason);
    });

    const { endless } = worlds;
    if (endless === undefined) return;
    test("a signal that is aborted while it waits rejects at once", async () => {
      const { source, query } = await endless();
      const abort = new AbortController();
      const reason = new Error("the deployment was cancelled");

      const reading = source.read(query, abort.signal);
      queueMicrotask(() => abort.abort(reason));

      await expect(reading).rejects.toBe(reason);
    });
  });
}
