/**
 * What every Router must do, whatever divides the traffic. An adapter's test calls
 * `routerContract("haproxy", async () => routerWorld(router, stop))`; authors of other adapters can import it too. Optional
 * members are proven where the caller says that they are offered, and must be absent where it does not.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Attempt } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import { type Endpoint, percentOf, type RevisionId, type Split, sameWeights } from "../domain/traffic.ts";
import type { Clock } from "../ports/clock.ts";
import type { Router } from "../ports/router.ts";
import { bucketContract } from "./router-contract-buckets.ts";

export interface Answer {
  /** HTTP status; 0 when the connection was refused or broken. */
  readonly status: number;
  /** Who answered; undefined when no revision did. */
  readonly revision: RevisionId | undefined;
}

export interface Held {
  readonly revision: RevisionId;
  /** Lets the backend answer. */
  release(): void;
  readonly answer: Promise<Answer>;
}

/** One fresh router without any split, the backends behind it and the client before it. */
export interface RouterWorld {
  readonly router: Router;
  readonly clock: Clock;
  /** Starts a backend of the revision, or names the running one. */
  endpoints(revision: RevisionId): Promise<readonly Endpoint[]>;
  /** One client request, answered with 500 by the backend when `failing`. */
  request(failing?: boolean): Promise<Answer>;
  /** A request that has arrived at a backend and stays there. */
  hold(): Promise<Held>;
  close(): Promise<void>;
}

const attempt = (n: number, ledgerId = "ledger-a"): Attempt => ({ ledgerId, n, deploymentId: `deployment-${n}` });
const forever = new AbortController().signal;

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof SluiceError ? error.failure.code : String(error)),
  );

async function splitOf(world: RouterWorld, percents: Readonly<Record<RevisionId, number>>): Promise<Split> {
  return Promise.all(
    Object.entries(percents).map(async ([revision, percent]) => {
      return { revision, percent, endpoints: await world.endpoints(revision) };
    }),
  );
}

/** So many requests by so many clients at once; answers in no particular order. */
async function requests(world: RouterWorld, count: number, clients = 16): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let left = count;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      answers.push(await world.request());
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return answers;
}

const shareOf = (answers: readonly Answer[], revision: RevisionId): number =>
  (100 * answers.filter((answer) => answer.revision === revision).length) / answers.length;

async function until(world: RouterWorld, condition: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = world.clock.now() + 5000;
  while (world.clock.now() < deadlineMs) {
    if (await condition()) return true;
    await world.clock.sleep(10);
  }
  return false;
}

export function routerContract(name: string, make: () => Promise<RouterWorld>, offers = { buckets: false }): void {
  describe(`${name} keeps the Router contract`, () => {
    let world: RouterWorld;

    beforeEach(async () => {
      world = await make();
      await world.router.claim(attempt(1), forever);
    });

    afterEach(() => world.close());

    shiftsAndReadsBack(() => world);
    enforcesItsFence(() => world);
    drains(() => world);
    counts(() => world);
    bucketContract(() => world, offers.buckets === true);
  });
}

function shiftsAndReadsBack(now: () => RouterWorld): void {
  test("serves nothing before the first split, and says so", async () => {
    const world = now();

    expect(await world.router.observe(forever)).toEqual([]);
    expect((await world.request()).revision).toBeUndefined();
  });

  test("reads back the split it was given, with its endpoints", async () => {
    const world = now();
    const split = await splitOf(world, { stable: 95, candidate: 5 });

    await world.router.shift(split, attempt(1), forever);

    const observed = await world.router.observe(forever);
    expect(sameWeights(observed, split)).toBe(true);
    expect(observed.find((share) => share.revision === "candidate")?.endpoints).toEqual(split[1]?.endpoints);
  });

  test("asked twice for the same split it changes nothing", async () => {
    const world = now();
    const split = await splitOf(world, { stable: 50, candidate: 50 });
    await world.router.shift(split, attempt(1), forever);
    await requests(world, 20);
    const before = await world.router.counters(forever);

    await world.router.shift(split, attempt(1), forever);

    expect(sameWeights(await world.router.observe(forever), split)).toBe(true);
    expect((await world.router.counters(forever)).get("stable")?.requests).toBe(before.get("stable")?.requests);
  });

  test("R1 respects the weights within one point over 2,000 requests", async () => {
    const world = now();
    for (const percent of [5, 50]) {
      await world.router.shift(
        await splitOf(world, { stable: 100 - percent, candidate: percent }),
        attempt(1),
        forever,
      );

      const answers = await requests(world, 2000);

      expect(Math.abs(shareOf(answers, "candidate") - percent), `share at ${percent} %`).toBeLessThanOrEqual(1);
    }
  });

  test("R4 loses no request while weights change under load", async () => {
    const world = now();
    const answers: Answer[] = [];
    await world.router.shift(await splitOf(world, { stable: 100, candidate: 0 }), attempt(1), forever);
    const over = new AbortController();
    const client = async () => {
      while (!over.signal.aborted) answers.push(await world.request());
    };
    const clients = Array.from({ length: 8 }, client);

    for (let change = 0; change < 30; change++) {
      const percent = [5, 50, 100, 0][change % 4] ?? 0;
      const split = await splitOf(world, { stable: 100 - percent, candidate: percent });
      await world.router.shift(split, attempt(1), forever);
      await world.clock.sleep(5);
    }
    over.abort();
    await Promise.all(clients);

    expect(answers.length).toBeGreaterThan(30);
    expect(answers.filter((answer) => answer.status !== 200)).toEqual([]);
  });

  test("gives up at once when its signal is aborted", async () => {
    const world = now();
    const reason = new Error("cancelled");

    await expect(world.router.observe(AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("X9 names the commands that send all traffic to a revision without Sluice", async () => {
    const world = now();
    const split = await splitOf(world, { stable: 100 });

    expect(world.router.instructions(split).join("\n")).toContain("stable");
  });
}

function enforcesItsFence(now: () => RouterWorld): void {
  test("L2 refuses a lower attempt, and its split stays", async () => {
    const world = now();
    const split = await splitOf(world, { stable: 100 });
    await world.router.shift(split, attempt(7), forever);

    const refusal = await codeOf(world.router.shift(await splitOf(world, { candidate: 100 }), attempt(6), forever));

    expect(refusal).toBe("STALE_ATTEMPT");
    expect(await codeOf(world.router.claim(attempt(6), forever))).toBe("STALE_ATTEMPT");
    expect(sameWeights(await world.router.observe(forever), split)).toBe(true);
  });

  test("L2 refuses another ledger, naming the owner, until it is disowned", async () => {
    const world = now();
    await world.router.claim(attempt(3), forever);

    const refused = world.router.claim(attempt(9, "ledger-b"), forever);

    await expect(refused).rejects.toThrow("ledger-a");
    expect(await codeOf(refused)).toBe("LEDGER_FOREIGN");
    await world.router.disown("the machine that held the ledger is gone", forever);
    await world.router.claim(attempt(9, "ledger-b"), forever);
    expect(await world.router.fence(forever)).toMatchObject({ ledgerId: "ledger-b", n: 9 });
  });
}

function drains(now: () => RouterWorld): void {
  test("R4 refuses to drain a revision that has weight", async () => {
    const world = now();
    await world.router.shift(await splitOf(world, { stable: 95, candidate: 5 }), attempt(1), forever);

    expect(await codeOf(world.router.drain("candidate", 0, attempt(1), forever))).toBe("ROUTER_DISAGREES");
    expect(percentOf(await world.router.observe(forever), "candidate")).toBe(5);
  });

  test("R4 a drain waits for what is under way, and closes nothing that ends in time", async () => {
    const world = now();
    await world.router.shift(await splitOf(world, { stable: 100 }), attempt(1), forever);
    const held = await world.hold();
    await world.router.shift(await splitOf(world, { candidate: 100, stable: 0 }), attempt(1), forever);
    let drained = false;

    const closed = world.router.drain("stable", 10_000, attempt(1), forever).finally(() => {
      drained = true;
    });
    await requests(world, 20);
    expect(drained).toBe(false);
    held.release();

    expect(await closed).toBe(0);
    expect((await held.answer).status).toBe(200);
  });

  test("R4 a drain closes what is left when its time is over, and counts it", async () => {
    const world = now();
    await world.router.shift(await splitOf(world, { stable: 100 }), attempt(1), forever);
    const held = await world.hold();
    await world.router.shift(await splitOf(world, { candidate: 100, stable: 0 }), attempt(1), forever);

    expect(await world.router.drain("stable", 50, attempt(1), forever)).toBe(1);

    expect((await held.answer).status).not.toBe(200);
    expect(await until(world, async () => (await world.router.counters(forever)).get("stable")?.inFlight === 0)).toBe(
      true,
    );
    held.release();
  });
}

function counts(now: () => RouterWorld): void {
  test("O4 counts requests, errors and what is under way per revision, and never counts down", async () => {
    const world = now();
    await world.router.shift(await splitOf(world, { stable: 50, candidate: 50 }), attempt(1), forever);
    await requests(world, 40);
    const before = await world.router.counters(forever);

    await world.router.shift(await splitOf(world, { candidate: 100 }), attempt(1), forever);
    await world.request(true);
    const held = await world.hold();
    const during = await world.router.counters(forever);
    held.release();
    await held.answer;

    expect((before.get("stable")?.requests ?? 0) + (before.get("candidate")?.requests ?? 0)).toBe(40);
    expect(during.get("candidate")).toMatchObject({ errors: 1, inFlight: 1 });
    expect(during.get("candidate")?.requests).toBe((before.get("candidate")?.requests ?? 0) + 1);
    expect(during.get("stable")?.requests, "a retired revision keeps its counters").toBe(
      before.get("stable")?.requests,
    );
  });

  test("O4 puts every counted request into one latency bin, and bins are at most 5 % wide", async () => {
    const world = now();
    await world.router.shift(await splitOf(world, { stable: 100 }), attempt(1), forever);
    await requests(world, 30);

    const {
      latencyEdgesMs = [],
      latencyCounts = [],
      requests: counted,
    } = (await world.router.counters(forever)).get("stable") ?? {};

    expect(latencyCounts.length).toBe(latencyEdgesMs.length + 1);
    expect(latencyCounts.reduce((sum, count) => sum + count, 0)).toBe(counted);
    const growths = latencyEdgesMs.slice(1).map((edge, index) => edge / (latencyEdgesMs[index] ?? 0));
    expect(Math.max(...growths)).toBeLessThanOrEqual(1.0500001);
  });
}
