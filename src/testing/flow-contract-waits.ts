/** The part of the flow contract about waiting: messages, sleeps and timeouts. */
import { expect } from "vitest";
import type { Json } from "../domain/json.ts";
import type { Flow, FlowBody } from "../ports/flow.ts";
import { begin, type FlowWorld, gate, type InWorld, newId } from "./flow-world.ts";

/** How far a real engine may be off, milliseconds. */
const tolerancesMs = { early: 5, late: 2_500 };

export function messageContract(inWorld: InWorld): void {
  inWorld("keeps early messages in the order sent, each topic for itself, and drops a repeated key", async (world) => {
    const ready = gate();
    const engine = await world.process({
      listen: async (flow) => {
        await flow.step("not yet", () => ready.opened);
        const [one, two] = [await flow.waitFor("people", 5_000), await flow.waitFor("people", 5_000)];
        const other = await flow.waitFor("traffic", 5_000);
        return { one, two, other, none: (await flow.waitFor("people", 50)) ?? "none" } as Json;
      },
    });
    const id = newId();
    await engine.start("listen", id, null);

    await engine.send(id, "people", { n: 1 }, "a");
    await engine.send(id, "people", { n: 1 }, "a");
    await engine.send(id, "traffic", "t", "c");
    await engine.send(id, "people", { n: 2 }, "b");
    ready.open();

    expect(await engine.settled(id)).toEqual({
      kind: "finished",
      output: { one: { n: 1 }, two: { n: 2 }, other: "t", none: "none" },
    });
  });

  inWorld("a message wakes the waiting flow at once, and is not received twice after a take-over", async (world) => {
    const began = gate();
    const bodies = (inTheMiddle: () => Promise<void>) => ({
      approve: async (flow: Flow) => {
        const fromMs = await flow.now();
        const vote = await flow.waitFor("people", 60_000);
        const tookMs = (await flow.now()) - fromMs;
        await flow.step("rest", inTheMiddle);
        return { vote, again: (await flow.waitFor("people", 20)) ?? "none", tookMs } as Json;
      },
    });
    const first = await world.process(bodies(begin(began)));
    const id = newId();
    await first.start("approve", id, null);
    await first.send(id, "people", "yes", "vote");
    await began.opened;

    const second = await world.process(bodies(async () => undefined));
    await second.takeOver(id);

    const ended = await second.settled(id);
    expect(ended).toMatchObject({ kind: "finished", output: { vote: "yes", again: "none" } });
    expect((ended as unknown as { readonly output: { readonly tookMs: number } }).output.tookMs).toBeLessThan(10_000);
  });

  inWorld("keeps the messages that come while nobody runs the flow", async (world) => {
    const began = gate();
    const bodies = (inTheMiddle: () => Promise<void>) => ({
      approve: async (flow: Flow) => {
        await flow.step("rest", inTheMiddle);
        return (await flow.waitFor("people", 5_000)) ?? "none";
      },
    });
    const first = await world.process(bodies(begin(began)));
    const id = newId();
    await first.start("approve", id, null);
    await began.opened;
    const second = await world.process(bodies(async () => undefined));

    await second.send(id, "people", "yes", "vote");
    await second.takeOver(id);

    expect(await second.settled(id)).toEqual({ kind: "finished", output: "yes" });
    await expect(second.send("unheard-of", "people", "yes", "x")).rejects.toMatchObject({
      failure: { code: "ENGINE_FAILED" },
    });
  });
}

export function timeContract(inWorld: InWorld): void {
  const endOf = async (world: FlowWorld, wait: (flow: Flow) => Promise<unknown>) => {
    const sleeping = gate();
    const body: FlowBody = async (flow) => {
      const fromMs = await flow.now();
      sleeping.open();
      await wait(flow);
      return (await flow.now()) - fromMs;
    };
    const first = await world.process({ wait: body });
    const id = newId();
    await first.start("wait", id, null);
    await sleeping.opened;
    const second = await world.process({ wait: body });
    await second.takeOver(id);
    return ((await second.settled(id)) as unknown as { readonly output: number }).output;
  };

  inWorld("a sleep ends on time after a take-over", async (world) => {
    const tookMs = await endOf(world, (flow) => flow.sleep(1_200));

    expect(tookMs).toBeGreaterThanOrEqual(1_200 - tolerancesMs.early);
    expect(tookMs).toBeLessThan(1_200 + tolerancesMs.late);
  });

  inWorld("a wait's timeout is not begun anew by a take-over", async (world) => {
    const tookMs = await endOf(world, async (flow) => {
      expect(await flow.waitFor("people", 1_200)).toBeUndefined();
    });

    expect(tookMs).toBeGreaterThanOrEqual(1_200 - tolerancesMs.early);
    expect(tookMs).toBeLessThan(1_200 + tolerancesMs.late);
  });
}
