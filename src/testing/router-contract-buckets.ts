/** What a Router that offers `buckets` must do: closed intervals that are final, whole, and add up to its counters. */
import { expect, test } from "vitest";
import type { Attempt } from "../domain/attempt.ts";
import type { Endpoint, RevisionId, RouterBucket, RouterBuckets, Split } from "../domain/traffic.ts";
import type { Clock } from "../ports/clock.ts";
import type { Router } from "../ports/router.ts";

/** What of the contract's world is needed here. */
interface BucketWorld {
  readonly router: Router;
  readonly clock: Clock;
  endpoints(revision: RevisionId): Promise<readonly Endpoint[]>;
  request(failing?: boolean): Promise<unknown>;
}

const attempt: Attempt = { ledgerId: "ledger-a", n: 1, deploymentId: "deployment-1" };
const forever = new AbortController().signal;
const bucketMs = 250;

async function halfEach(world: BucketWorld): Promise<Split> {
  return [
    { revision: "stable", percent: 50, endpoints: await world.endpoints("stable") },
    { revision: "candidate", percent: 50, endpoints: await world.endpoints("candidate") },
  ];
}

async function read(
  world: BucketWorld,
  fromIndex: number,
  toIndex: number,
  widthMs = bucketMs,
): Promise<RouterBuckets> {
  const answer = await world.router.buckets?.({ bucketMs: widthMs, fromIndex, toIndex }, forever);
  if (answer === undefined) throw new Error("this router offers no buckets");
  return answer;
}

/** By the router's own clock. */
const openIndex = async (world: BucketWorld): Promise<number> => (await read(world, 0, 0)).openIndex;

/** Twenty good and four failing requests, and every interval that can hold them, closed. */
async function served(world: BucketWorld): Promise<RouterBuckets> {
  const fromIndex = await openIndex(world);
  await world.router.shift(await halfEach(world), attempt, forever);
  for (let request = 0; request < 24; request++) await world.request(request % 6 === 0);
  const toIndex = (await openIndex(world)) + 1;
  const deadlineMs = world.clock.now() + 10_000;
  while ((await openIndex(world)) < toIndex && world.clock.now() < deadlineMs) await world.clock.sleep(20);
  return read(world, fromIndex, toIndex);
}

const sumOf = (
  buckets: readonly RouterBucket[],
  revision: RevisionId,
  what: "requests" | "errors" | "expectedRequests",
) => buckets.reduce((sum, { revisions }) => sum + (revisions.get(revision)?.[what] ?? 0), 0);

/** `offered`: what the router's author says; the member must be there exactly if so. */
export function bucketContract(now: () => BucketWorld, offered: boolean): void {
  test(`${offered ? "offers" : "does not pretend to offer"} buckets`, () => {
    expect(now().router.buckets !== undefined).toBe(offered);
  });
  if (offered) closedBuckets(now);
}

function closedBuckets(now: () => BucketWorld): void {
  test("O4 closed buckets add up to the counters, with their latency bins and their shards", async () => {
    const world = now();

    const { buckets, latencyEdgesMs } = await served(world);

    for (const [revision, counters] of await world.router.counters(forever)) {
      expect(sumOf(buckets, revision, "requests")).toBe(counters.requests);
      expect(sumOf(buckets, revision, "errors")).toBe(counters.errors);
      expect(sumOf(buckets, revision, "expectedRequests"), "half of what arrived").toBeCloseTo(12);
    }
    for (const counts of buckets.flatMap(({ revisions }) => [...revisions.values()])) {
      expect(counts.latencyCounts.reduce((sum, [, count]) => sum + count, 0)).toBe(counts.requests);
      expect(counts.latencyCounts.every(([edge]) => edge >= 0 && edge <= latencyEdgesMs.length)).toBe(true);
      expect(counts.shards).toHaveLength(16);
      expect(counts.shards.reduce((sum, shard) => sum + shard.requests, 0)).toBe(counts.requests);
      expect(counts.shards.reduce((sum, shard) => sum + shard.errors, 0)).toBe(counts.errors);
    }
  });

  test("O4 no closed bucket is left out, and none changes when it is asked for again", async () => {
    const world = now();
    const first = await served(world);
    const from = first.buckets[0]?.index ?? 0;
    await world.request();

    const again = await read(world, from, from + first.buckets.length);
    const all = await read(world, from, from + 4000);

    expect(first.buckets.map(({ index }) => index)).toEqual(first.buckets.map((_, offset) => from + offset));
    expect(again.buckets).toEqual(first.buckets);
    expect(all.buckets.at(-1)?.index, "the open interval is not given out").toBe(all.openIndex - 1);
    expect(Math.floor(all.nowMs / bucketMs)).toBe(all.openIndex);
  });

  test("O4 a wider grid holds what the finer one holds", async () => {
    const world = now();
    const fine = await served(world);
    const last = fine.buckets.at(-1)?.index ?? 0;
    const widthMs = 4 * bucketMs;
    const [from, to] = [Math.floor((fine.buckets[0]?.index ?? 0) / 4), Math.floor(last / 4) + 1];
    const deadlineMs = world.clock.now() + 10_000;
    while ((await read(world, 0, 0, widthMs)).openIndex < to && world.clock.now() < deadlineMs)
      await world.clock.sleep(20);

    const wide = await read(world, from, to, widthMs);

    for (const what of ["requests", "errors", "expectedRequests"] as const) {
      expect(sumOf(wide.buckets, "stable", what)).toBeCloseTo(sumOf(fine.buckets, "stable", what));
      expect(sumOf(wide.buckets, "candidate", what)).toBeCloseTo(sumOf(fine.buckets, "candidate", what));
    }
  });

  test("O4 what happened before the router began to count is marked, not shown as nothing", async () => {
    const world = now();
    const { buckets, startedAtMs } = await served(world);
    const before = Math.floor(startedAtMs / bucketMs) - 1;

    const early = await read(world, before, before + 1);

    expect(early.buckets).toMatchObject([{ index: before, resetSeen: true }]);
    expect(buckets.length).toBeGreaterThan(0);
    for (const { index, resetSeen } of buckets) expect(resetSeen).toBe(index * bucketMs < startedAtMs);
  });
}
