/** The pretended router passes the suite of the real ones, and repeats itself exactly. */
import { expect, test } from "vitest";
import { memoryRouter } from "./memory-router.ts";
import { type RouterWorld, routerContract } from "./router-contract.ts";
import { wallClock } from "./router-world.ts";

function pretendedWorld(): RouterWorld {
  const router = memoryRouter({ route: "test/web", clock: wallClock });
  const none = { status: 503, revision: undefined };
  return {
    router,
    clock: wallClock,
    endpoints: async () => [{ host: "127.0.0.1", port: 1 }],
    async request(failed = false) {
      // Clients take turns, as they do with sockets.
      await new Promise((resolve) => setImmediate(resolve));
      const revision = router.serve({ failed, durationMs: 3 });
      return revision === undefined ? none : { status: failed ? 500 : 200, revision };
    },
    async hold() {
      const serving = router.begin();
      if (serving === undefined) throw new Error("no revision serves");
      let released = () => {};
      const answered = new Promise<void>((resolve) => {
        released = resolve;
      });
      const answer = (async () => {
        await Promise.race([answered, goneFrom(serving.revision)]);
        const { inFlight = 0 } = (await router.counters(new AbortController().signal)).get(serving.revision) ?? {};
        if (inFlight === 0) return none;
        serving.end({ durationMs: 3 });
        return { status: 200, revision: serving.revision };
      })();
      return { revision: serving.revision, release: released, answer };
    },
    close: async () => undefined,
  };

  /** A drain has cut it. */
  async function goneFrom(revision: string): Promise<void> {
    const inFlight = async () => (await router.counters(new AbortController().signal)).get(revision)?.inFlight ?? 0;
    while ((await inFlight()) > 0) await wallClock.sleep(5);
  }
}

routerContract("the pretended router", async () => pretendedWorld(), { buckets: true });

test("an unattended split falls back when its deadline has passed, and a renewal moves the deadline", async () => {
  let nowMs = 0;
  const router = memoryRouter({ route: "test/web", clock: { now: () => nowMs, sleep: async () => undefined } });
  const attempt = { ledgerId: "ledger-a", n: 1, deploymentId: "deployment-1" };
  const { signal } = new AbortController();
  const split = [
    { revision: "stable", percent: 50, endpoints: [] },
    { revision: "candidate", percent: 50, endpoints: [] },
  ];
  const renew = () => router.shift(split, attempt, signal, { unattended: { fallback: "stable", afterMs: 100 } });

  await renew();
  nowMs = 90;
  await renew();
  nowMs = 180;
  const attended = router.revertedUnattended();
  nowMs = 190;

  expect(attended).toBe(false);
  expect(router.revertedUnattended()).toBe(true);
  expect(Array.from({ length: 10 }, () => router.serve())).toEqual(Array(10).fill("stable"));
});
