/**
 * One run of a flow in the simulated world. Every touch of the journal is one `access`, counted by the world, at which the
 * process can be made to die: before it or after it. A step has two, `begin` and `record`, so that it can die before the
 * effect, after the effect but before the record, and after the record.
 */
import type { Clock } from "../../ports/clock.ts";
import { type Flow, FlowLost } from "../../ports/flow.ts";
import { recordStep, replayStep } from "../step-result.ts";
import { type Entry, entryAt, type FlowRecord } from "./journal.ts";

/** The process that runs the flow, as far as the flow sees it. */
export interface Host {
  readonly executorId: string;
  readonly clock: Clock;
  /** Set while the process goes down in an orderly way. */
  readonly closing: boolean;
  /** Runs `effect` on the journal; never resolves where the process dies. */
  access<T>(what: string, effect: () => T): Promise<T>;
}

export interface SimulatedFlow extends Flow {
  readonly lost: FlowLost | undefined;
  /** The body itself found another one in charge: that is no end of the flow, and its next run may be here. */
  giveUp(reason: FlowLost): void;
  /** Writes the flow's end. */
  end(state: FlowRecord["state"]): Promise<void>;
}

export function simulatedFlow(record: FlowRecord, host: Host): SimulatedFlow {
  const { generation, id } = record;
  let lost: FlowLost | undefined;
  let position = 0;

  const access = async <T>(what: string, effect: () => T): Promise<T> => {
    try {
      if (lost) throw lost;
      if (host.closing) throw new FlowLost(`executor ${host.executorId} is going down`);
      return await host.access(`${id} ${what}`, () => {
        if (record.generation !== generation) throw new FlowLost(`flow ${id} was taken over by ${record.executorId}`);
        return effect();
      });
    } catch (thrown) {
      if (thrown instanceof FlowLost) lost ??= thrown;
      throw thrown;
    }
  };
  const entry = (at: number, what: string, make: () => Entry) => entryAt(record, at, what, make);

  return {
    id,
    get lost() {
      return lost;
    },
    giveUp(reason) {
      lost ??= reason;
    },
    end: (state) => access("end", () => void Object.assign(record, { state })),

    async step<T>(name: string, body: () => Promise<T>): Promise<T> {
      const at = position++;
      const what = `step ${name}`;
      const known = await access(`${what} begin`, () => record.entries[at] && entry(at, what, () => ({ what })));
      if (known) return replayStep<T>(known.value as string);
      const value = await recordStep(name, body).catch((thrown: FlowLost) => {
        lost ??= thrown;
        throw thrown;
      });
      await access(`${what} record`, () => entry(at, what, () => ({ what, value })));
      return replayStep<T>(value);
    },

    async sleep(ms) {
      const at = position++;
      const { value } = await access("sleep", () =>
        entry(at, "sleep", () => ({ what: "sleep", value: host.clock.now() + ms })),
      );
      await host.clock.sleep((value as number) - host.clock.now());
    },

    async waitFor(topic, timeoutMs) {
      const at = position++;
      const what = `wait ${topic}`;
      const begun = await access(what, () => entry(at, what, () => ({ what, value: host.clock.now() + timeoutMs })));
      if (begun.received) return begun.received.message;
      await messageOrDeadline(record, topic, begun.value as number, host.clock);
      return access(`${what} received`, () => {
        const next = record.messages.find((each) => each.topic === topic && !each.received);
        if (next) next.received = true;
        const message = structuredClone(next?.message);
        record.entries[at] = { ...begun, received: { message } };
        return message;
      });
    },

    async now() {
      const at = position++;
      const made = await access("now", () => entry(at, "now", () => ({ what: "now", value: host.clock.now() })));
      return made.value as number;
    },

    async publish(key, value) {
      const at = position++;
      const what = `publish ${key}`;
      await access(what, () => {
        if (!record.entries[at]) record.published.set(key, structuredClone(value));
        entry(at, what, () => ({ what }));
      });
    },
  };
}

/** Resolves when a message on `topic` is there to be received, or at the deadline. */
async function messageOrDeadline(record: FlowRecord, topic: string, deadlineMs: number, clock: Clock): Promise<void> {
  const isThere = () => record.messages.some((each) => each.topic === topic && !each.received);
  while (!isThere() && clock.now() < deadlineMs) {
    const arrived = new AbortController();
    const wake = () => arrived.abort();
    record.listeners.add(wake);
    await clock.sleep(deadlineMs - clock.now(), arrived.signal).catch(() => undefined);
    record.listeners.delete(wake);
  }
}
