/** What a route says of its closed intervals, over weight changes, a set clock and long times. */
import { expect, test } from "vitest";
import { closedBuckets } from "./closed-buckets.ts";
import { LiveRoute } from "./live-route.ts";
import { keptMs } from "./meter.ts";

const bucketMs = 5000;
const start = 1_763_600_000_000;

function routeAt() {
  const at = { nowMs: start };
  const route = new LiveRoute("test/web", () => at.nowMs, Math.random);
  route.apply([
    { revision: "v1", percent: 95, endpoints: [{ host: "127.0.0.1", port: 9 }] },
    { revision: "v2", percent: 5, endpoints: [{ host: "127.0.0.1", port: 9 }] },
  ]);
  const ask = (fromMs: number, toMs: number) =>
    closedBuckets(
      route,
      { bucketMs, fromIndex: Math.floor(fromMs / bucketMs), toIndex: Math.floor(toMs / bucketMs) },
      at.nowMs,
    );
  return { at, route, ask };
}

test("O4 every closed interval is there, also one in which nothing happened; the open one is not", () => {
  const { at, route, ask } = routeAt();
  route.revision("v2")?.meter.count(12, true, start + 7000, 4);
  at.nowMs = start + 17_000;

  const { buckets, openIndex } = ask(start, start + 60_000);

  expect(openIndex).toBe((start + 15_000) / bucketMs);
  expect(
    buckets.map(({ index, resetSeen, revisions }) => [index * bucketMs - start, resetSeen, Object.keys(revisions)]),
  ).toEqual([
    [0, false, []],
    [5000, false, ["v2"]],
    [10_000, false, []],
  ]);
});

test("O4 what is older than is kept is marked as not known", () => {
  const { at, ask } = routeAt();
  at.nowMs = start + keptMs + 60_000;

  expect(ask(start, start + bucketMs).buckets).toMatchObject([{ resetSeen: true }]);
  expect(ask(at.nowMs - 15 * 60_000, at.nowMs).buckets.every(({ resetSeen }) => !resetSeen)).toBe(true);
});

test("O4 after a jump of the clock, what was before is marked, and counting goes on", () => {
  const { at, route, ask } = routeAt();
  route.revision("v1")?.meter.count(12, false, start + 100, 4);
  at.nowMs = start - 60_000;

  route.forgetBuckets();
  route.revision("v1")?.meter.count(12, false, at.nowMs + 6000, 4);
  at.nowMs += 20_000;
  const { buckets, startedAtMs } = ask(start - 65_000, at.nowMs);

  expect(startedAtMs).toBe(start - 60_000);
  expect(buckets.map(({ resetSeen, revisions }) => [resetSeen, revisions.v1?.requests ?? 0])).toEqual([
    [true, 0],
    [false, 0],
    [false, 1],
    [false, 0],
    [false, 0],
  ]);
});
