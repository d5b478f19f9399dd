/**
 * What every `FlowEngine` must do, as a suite that both engines run. A process is followed by another one while it is in
 * the middle of a step, which it may finish later: that is how a take-over looks from inside, whatever became of the first.
 */
import { describe, expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import type { Json } from "../domain/json.ts";
import { type Flow, type FlowBody, FlowLost } from "../ports/flow.ts";
import { messageContract, timeContract } from "./flow-contract-waits.ts";
import { begin, type FlowWorld, gate, type InWorld, newId, until } from "./flow-world.ts";

export type { FlowWorld };

export function flowContract(name: string, newWorld: () => Promise<FlowWorld>): void {
  const inWorld = (title: string, body: (world: FlowWorld) => Promise<void>) =>
    test(title, { timeout: 30_000 }, async () => {
      const world = await newWorld();
      try {
        await body(world);
      } finally {
        await world.dispose();
      }
    });

  describe(`flow contract: ${name}`, () => {
    stepContract(inWorld);
    takeOverContract(inWorld);
    messageContract(inWorld);
    timeContract(inWorld);
  });
}

function stepContract(inWorld: InWorld): void {
  inWorld("runs a flow to its end once, however often it is started", async (world) => {
    const ran: string[] = [];
    const engine = await world.process({
      greet: async (flow, input) => {
        await flow.step("say", async () => void ran.push("said"));
        return { greeted: (input as { readonly who: string }).who };
      },
    });
    const id = newId();

    await engine.start("greet", id, { who: "ada" });
    await engine.start("greet", id, { who: "bob" });

    expect(await engine.settled(id)).toEqual({ kind: "finished", output: { greeted: "ada" } });
    await engine.start("greet", id, { who: "bob" });
    expect(await engine.state(id)).toEqual({ kind: "finished", output: { greeted: "ada" } });
    expect(ran).toEqual(["said"]);
    expect(await engine.state("unheard-of")).toBeUndefined();
  });

  inWorld("gives a step's result as JSON keeps it, also nothing at all", async (world) => {
    const engine = await world.process({
      results: async (flow) => {
        const nothing = await flow.step("nothing", async () => undefined);
        const date = await flow.step<unknown>("date", async () => new Date(0));
        return { nothing: nothing === undefined, date } as Json;
      },
    });
    const id = newId();

    await engine.start("results", id, null);

    expect(await engine.settled(id)).toEqual({
      kind: "finished",
      output: { nothing: true, date: "1970-01-01T00:00:00.000Z" },
    });
  });

  inWorld("says that a flow is broken when its function throws", async (world) => {
    const engine = await world.process({
      fault: async () => {
        throw new Error("no such branch");
      },
    });
    const id = newId();

    await engine.start("fault", id, null);

    expect(await engine.settled(id)).toMatchObject({
      kind: "broken",
      error: expect.stringContaining("no such branch"),
    });
  });

  inWorld("keeps what a flow publishes, while it runs and afterwards", async (world) => {
    const ready = gate();
    const engine = await world.process({
      report: async (flow) => {
        await flow.publish("progress", { percent: 10 });
        await flow.step("rest", () => ready.opened);
        await flow.publish("progress", { percent: 100 });
        return null;
      },
    });
    const id = newId();
    await engine.start("report", id, null);
    await until(world, async () => (await engine.published(id, "progress")) !== undefined);

    expect(await engine.state(id)).toEqual({ kind: "running" });
    expect(await engine.published(id, "progress")).toEqual({ percent: 10 });
    ready.open();
    await engine.settled(id);

    expect(await engine.published(id, "progress")).toEqual({ percent: 100 });
    expect(await engine.published(id, "other")).toBeUndefined();
  });
}

function takeOverContract(inWorld: InWorld): void {
  inWorld(
    "Z1 a run that finds another one in charge is no end of the flow: it is taken over, also by the same process",
    async (world) => {
      let runs = 0;
      const process = await world.process({
        deploy: async () => {
          if (++runs === 1) throw new FlowLost("another one is in charge");
          return "done";
        },
      });
      const id = newId();

      await process.start("deploy", id, null);

      await expect(process.settled(id)).rejects.toBeInstanceOf(FlowLost);
      expect(await process.state(id)).toEqual({ kind: "running" });
      await process.takeOver(id);
      expect(await process.settled(id)).toEqual({ kind: "finished", output: "done" });
    },
  );

  inWorld("never runs a completed step again after a take-over, and runs the interrupted one again", async (world) => {
    const ran: string[] = [];
    const [began, stuck] = [gate(), gate()];
    const flowOf = (process: string, inTheMiddle: () => Promise<void>) => ({
      deploy: async (flow: Flow) => {
        const backup = await flow.step("backup", async () => ran.push(`${process} backup`));
        await flow.step("migrate", async () => {
          ran.push(`${process} migrate`);
          await inTheMiddle();
        });
        return { backup, at: await flow.now() };
      },
    });
    const first = await world.process(flowOf("first", begin(began, stuck)));
    const id = newId();
    await first.start("deploy", id, null);
    await began.opened;

    const second = await world.process(flowOf("second", async () => undefined));
    await second.takeOver(id);

    expect(await second.settled(id)).toMatchObject({ kind: "finished", output: { backup: 1 } });
    expect(ran).toEqual(["first backup", "first migrate", "second migrate"]);
    stuck.open();
  });

  inWorld("a stale run gets FlowLost at its next write, and nothing of its later steps runs", async (world) => {
    const ran: string[] = [];
    const [began, stuck] = [gate(), gate()];
    const caught: unknown[] = [];
    const finally_ = gate();
    const body =
      (process: string, inTheMiddle: () => Promise<void>): FlowBody =>
      async (flow) => {
        try {
          await flow.step("shift", inTheMiddle);
          await flow.step("promote", async () => void ran.push(`${process} promote`));
        } catch (thrown) {
          caught.push(thrown);
          // What compensation in the wrong place would do: it must not get anywhere.
          await flow.step("undo", async () => void ran.push(`${process} undo`)).catch((again) => caught.push(again));
          finally_.open();
        }
        return null;
      };
    const first = await world.process({ deploy: body("first", begin(began, stuck)) });
    const id = newId();
    await first.start("deploy", id, null);
    await began.opened;
    const settledInFirst = first.settled(id).catch((thrown: unknown) => thrown);

    const second = await world.process({ deploy: body("second", async () => undefined) });
    await second.takeOver(id);
    await second.settled(id);
    stuck.open();
    await finally_.opened;

    expect(caught).toEqual([expect.any(FlowLost), expect.any(FlowLost)]);
    expect(await settledInFirst).toBeInstanceOf(FlowLost);
    expect(ran).toEqual(["second promote"]);
    expect(await second.state(id)).toEqual({ kind: "finished", output: null });
  });

  inWorld("an error keeps its code, its hint and its remedy across a replay", async (world) => {
    const failure = {
      code: "BACKUP_FAILED",
      remedy: "operator",
      at: "stages.backup",
      message: "gone",
      hint: "look",
    } as const;
    const bodies = (inTheMiddle: () => Promise<void>) => ({
      failing: async (flow: Flow) => {
        const known = await flow.step("known", () => Promise.reject(new SluiceError(failure))).catch(failureIn);
        const ours = await flow
          .step("ours", () => Promise.reject(new TypeError("x is not a function")))
          .catch(failureIn);
        await flow.step("rest", inTheMiddle);
        return { known, ours };
      },
    });
    const began = gate();
    const first = await world.process(bodies(begin(began)));
    const id = newId();
    await first.start("failing", id, null);
    await began.opened;

    const second = await world.process(bodies(async () => undefined));
    await second.takeOver(id);

    expect(await second.settled(id)).toMatchObject({
      kind: "finished",
      output: { known: failure, ours: { code: "INTERNAL", remedy: "bug", message: "x is not a function" } },
    });
  });

  inWorld("steps called side by side give the same results in a replay, whichever ends first", async (world) => {
    const ran: string[] = [];
    const bodies = (process: string, inTheMiddle: () => Promise<void>) => ({
      build: async (flow: Flow) => {
        const slow = gate();
        const step = (component: string, wait: Promise<void>) =>
          flow.step(component, async () => {
            await wait;
            ran.push(`${process} ${component}`);
            if (component === "api") slow.open();
            return component;
          });
        const both = await Promise.all([step("web", slow.opened), step("api", Promise.resolve())]);
        await flow.step("rest", inTheMiddle);
        return both;
      },
    });
    const began = gate();
    const first = await world.process(bodies("first", begin(began)));
    const id = newId();
    await first.start("build", id, null);
    await began.opened;

    const second = await world.process(bodies("second", async () => undefined));
    await second.takeOver(id);

    expect(await second.settled(id)).toEqual({ kind: "finished", output: ["web", "api"] });
    expect(ran).toEqual(["first api", "first web"]);
  });

  inWorld("taking over a finished flow, or one's own, changes nothing", async (world) => {
    let ran = 0;
    const [began, stuck] = [gate(), gate()];
    const engine = await world.process({
      once: (flow) =>
        flow.step("work", async () => {
          began.open();
          await stuck.opened;
          return ++ran;
        }),
    });
    const id = newId();
    await engine.start("once", id, null);
    await began.opened;

    await engine.takeOver(id);
    stuck.open();
    await engine.settled(id);
    await engine.takeOver(id);

    expect(await engine.state(id)).toEqual({ kind: "finished", output: 1 });
    expect(ran).toBe(1);
    await expect(engine.takeOver("unheard-of")).rejects.toMatchObject({ failure: { code: "ENGINE_FAILED" } });
  });
}

const failureIn = (thrown: unknown): Json =>
  thrown instanceof SluiceError ? (thrown.failure as unknown as Json) : "other";
