import { expect, test } from "vitest";
import { type FlowEngine, FlowLost } from "../../ports/flow.ts";
import { flowContract } from "../../testing/flow-contract.ts";
import { virtualClock } from "./virtual-clock.ts";
import { type Fate, simulatedWorld } from "./world.ts";

flowContract("simulated", async () => {
  const world = simulatedWorld();
  let processes = 0;
  return {
    clock: world.clock,
    async process(bodies) {
      const engine = world.engine(`process-${++processes}`);
      for (const [name, body] of Object.entries(bodies)) engine.register(name, body);
      await engine.launch();
      return engine;
    },
    dispose: async () => world.clock.stop(),
  };
});

/** Three steps with waits between; `effects` outlives the processes. */
function threeSteps(engine: FlowEngine, effects: string[]): void {
  engine.register("three", async (flow) => {
    for (const step of ["one", "two", "three"]) {
      await flow.step(step, async () => void effects.push(step));
      await flow.sleep(60_000);
    }
    return effects.length;
  });
}

async function callsOfThreeSteps(): Promise<number> {
  const world = simulatedWorld();
  const engine = world.engine("only");
  threeSteps(engine, []);
  await engine.start("three", "f", null);
  await engine.settled("f");
  return world.journalCalls;
}

const stepsOf = (effects: readonly string[]) => effects.filter((step, n) => step !== effects[n - 1]);

/** Dies at journal call `n`; another process finishes. Returns what was done. */
async function effectsWithDeathAt(n: number, fate: Fate): Promise<readonly string[]> {
  const world = simulatedWorld({ onJournalCall: (call) => (call === n ? fate : "go") });
  const effects: string[] = [];
  const [first, second] = [world.engine("first"), world.engine("second")];
  for (const engine of [first, second]) threeSteps(engine, effects);
  // A dead process's calls never come back.
  void first.start("three", "f", null);
  await world.clock.sleep(600_000);

  expect(world.isAlive("first")).toBe(false);
  await second.start("three", "f", null);
  await second.takeOver("f");
  await world.clock.sleep(600_000);

  expect((await second.state("f"))?.kind, `${fate} at journal call ${n}`).toBe("finished");
  return effects;
}

test("a flow ends the same wherever its process dies, and repeats at most the step it died in", async () => {
  const calls = await callsOfThreeSteps();
  const deaths = Array.from({ length: calls * 2 }, (_, n) => [
    1 + Math.floor(n / 2),
    n % 2 ? "die-after" : "die-before",
  ]);
  expect(calls).toBeGreaterThan(10);

  for (const [n, fate] of deaths as [number, Fate][]) {
    const effects = await effectsWithDeathAt(n, fate);

    expect(stepsOf(effects), `${fate} at journal call ${n}`).toEqual(["one", "two", "three"]);
    expect(effects.length).toBeLessThanOrEqual(4);
  }
});

test("a process dead between effect and record leaves the step to be run again", async () => {
  const world = simulatedWorld({ onJournalCall: (_n, what) => (what === "f step two record" ? "die-before" : "go") });
  const effects: string[] = [];
  const [first, second] = [world.engine("first"), world.engine("second")];
  for (const engine of [first, second]) threeSteps(engine, effects);

  await first.start("three", "f", null);
  await world.clock.sleep(600_000);

  expect(world.isAlive("first")).toBe(false);
  expect(effects).toEqual(["one", "two"]);
  world.clock.stop();
});

test("a dead process's parts do nothing more, and tell nobody", async () => {
  const world = simulatedWorld();
  const done: string[] = [];
  const part = world.mortal("p", { act: async (what: string) => void done.push(what) });

  await part.act("before");
  const underWay = part.act("just before");
  world.crash("p");
  let heard = false;
  void Promise.race([underWay, part.act("after")]).then(() => {
    heard = true;
  });
  await world.clock.sleep(1_000);

  expect(done).toEqual(["before", "just before"]);
  expect(heard).toBe(false);
});

test("messages come late, and a copy that comes again is dropped", async () => {
  const world = simulatedWorld({ onSend: () => [30_000, 45_000] });
  const engine = world.engine("p");
  engine.register("listen", async (flow) => {
    const first = await flow.waitFor("t", 20_000);
    const second = await flow.waitFor("t", 100_000);
    const third = await flow.waitFor("t", 100_000);
    return { first: first ?? null, second: second ?? null, third: third ?? null };
  });
  await engine.start("listen", "f", null);

  await engine.send("f", "t", "hello", "k");

  expect(await engine.settled("f")).toEqual({
    kind: "finished",
    output: { first: null, second: "hello", third: null },
  });
});

test("a flow whose code changed under its journal is broken, not continued", async () => {
  const world = simulatedWorld();
  const [first, second] = [world.engine("first"), world.engine("second")];
  first.register("f", async (flow) => {
    await flow.step("backup", async () => undefined);
    await flow.sleep(60_000);
    return null;
  });
  second.register("f", async (flow) => {
    await flow.step("migrate", async () => undefined);
    return null;
  });
  await first.start("f", "f", null);
  await world.clock.sleep(1_000);

  await second.takeOver("f");

  expect(await second.settled("f")).toMatchObject({ kind: "broken", error: expect.stringContaining("step backup") });
  await expect(first.settled("f")).rejects.toThrow(FlowLost);
});

test("virtual time passes only when everybody waits, and wakes in order", async () => {
  const clock = virtualClock({ startMs: 1_000 });
  const woken: string[] = [];
  const sleeper = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push(`${name} at ${clock.now()}`);
  };
  const cut = new AbortController();
  const aborted = clock.sleep(10, cut.signal).catch((reason: unknown) => reason);

  const all = Promise.all([sleeper("late", 172_800_000), sleeper("a", 5), sleeper("b", 5)]);
  cut.abort("no more");
  await all;

  expect(woken).toEqual(["a at 1005", "b at 1005", "late at 172801000"]);
  expect(await aborted).toBe("no more");
});

test("virtual time stands still while real work is under way", async () => {
  const clock = virtualClock({ startMs: 0 });
  const work = Promise.withResolvers<void>();

  const held = clock.hold(work.promise);
  let woke = false;
  const sleeping = clock.sleep(1_000).then(() => {
    woke = true;
  });
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  const before = { woke, now: clock.now() };
  work.resolve();
  await Promise.all([held, sleeping]);

  expect(before).toEqual({ woke: false, now: 0 });
  expect(clock.now()).toBe(1_000);
});
