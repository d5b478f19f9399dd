/** Stable against stable: what fires there would fire in the rollout as well. */
import { expect, test } from "vitest";
import type { MetricBucket } from "../domain/canary/bucket.ts";
import { type CanaryPlan, canaryDefaults, metricDefaults } from "../domain/canary/plan.ts";
import { rehearse } from "./rehearsal.ts";

const plan: CanaryPlan = {
  ...canaryDefaults,
  firstIndex: 1_000,
  metrics: [
    { ...metricDefaults.rate, kind: "errors", name: "errors", weight: 0.5, phi: 1 },
    { ...metricDefaults.share, kind: "share", name: "share", weight: 0.5 },
  ],
};

/** Ten minutes of sixteen shards with a hundred requests each; the first one fails so often. */
const history = (firstShardFails: (bucket: number) => number): readonly MetricBucket[] =>
  Array.from({ length: 120 }, (_, n) => {
    const shards = Array.from({ length: 16 }, (_shard, at) => ({
      events: at === 0 ? firstShardFails(n) : n % 2,
      total: 100,
    }));
    const stable = { events: shards.reduce((sum, { events }) => sum + events, 0), total: 1_600 };
    return { metric: "errors", index: n, reading: { kind: "rate", candidate: stable, stable, stableShards: shards } };
  });

test("Z2 a long-lived bad client in one shard of the stable version demotes the metric that it makes fire, and says so", () => {
  const remarks: string[] = [];

  const rehearsed = rehearse(
    plan,
    history(() => 30),
    remarks,
  );

  expect(rehearsed.metrics.map(({ name, advisory, weight }) => ({ name, advisory, weight }))).toEqual([
    { name: "errors", advisory: true, weight: 1 },
    { name: "share", advisory: false, weight: 1 },
  ]);
  expect(remarks).toEqual(["errors only advises: it fired when the stable version was compared with itself"]);
});

test("Z2 a stable version that resembles itself demotes nothing", () => {
  const remarks: string[] = [];

  expect(
    rehearse(
      plan,
      history((bucket) => bucket % 2),
      remarks,
    ),
  ).toEqual(plan);
  expect(remarks).toEqual([]);
});

test("Z2 where every metric fires they keep deciding, and their verdicts are doubted aloud", () => {
  const remarks: string[] = [];
  const alone: CanaryPlan = { ...plan, metrics: plan.metrics.slice(0, 1).map((metric) => ({ ...metric, weight: 1 })) };

  expect(
    rehearse(
      alone,
      history(() => 30),
      remarks,
    ).metrics[0]?.advisory,
  ).toBe(false);
  expect(remarks).toEqual([
    "every metric fired when the stable version was compared with itself: their verdicts deserve doubt",
  ]);
});

test("Z2 without a history nothing is rehearsed", () => {
  expect(rehearse(plan, [], [])).toEqual(plan);
});
