/**
 * A world of simulated processes that share one journal and one virtual clock. A process can be killed at any touch of the
 * journal, or be taken over while it still lives: then its running step overlaps the re-run, and it learns of its loss at
 * its next write, as with the real engine. Messages can be late or come twice.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { Json } from "../../domain/json.ts";
import { type FlowBody, type FlowEngine, FlowLost, type FlowState } from "../../ports/flow.ts";
import { type FlowRecord, newRecord } from "./journal.ts";
import { mortality } from "./mortality.ts";
import { type Host, type SimulatedFlow, simulatedFlow } from "./simulated-flow.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";

/** `die-before`: the process dies before this touch of the journal takes effect; `die-after`: just after it. */
export type Fate = "go" | "die-before" | "die-after";

export interface SimulatedWorldOptions {
  readonly clock?: VirtualClock;
  /** Asked at the n-th touch of the journal, from 1; `what` is e.g. `1763673600-3f2a9c1b22aa step backup record`. */
  readonly onJournalCall?: (n: number, what: string) => Fate;
  /** When a message arrives, in milliseconds after it was sent; one entry per copy. `[0]` by default. */
  readonly onSend?: (id: string, topic: string, key: string) => readonly number[];
}

export interface SimulatedWorld {
  readonly clock: VirtualClock;
  /** One process. A name is used once. */
  engine(executorId: string): FlowEngine;
  /** kill -9: the process's calls of the journal, and of its mortal parts, never return. */
  crash(executorId: string): void;
  isAlive(executorId: string): boolean;
  /** SIGSTOP: nothing comes back to the process until the returned function is called. */
  pause(executorId: string): () => void;
  /** `part` as the process uses it: once the process is dead, nothing it calls happens or returns. */
  mortal<T extends object>(executorId: string, part: T): T;
  /** How often the journal has been touched. */
  readonly journalCalls: number;
}

export function simulatedWorld(options: SimulatedWorldOptions = {}): SimulatedWorld {
  const clock = options.clock ?? virtualClock();
  const records = new Map<string, FlowRecord>();
  const names = new Set<string>();
  const { kill, isAlive, unlessDead, whenAwake, pause, mortal } = mortality();
  let journalCalls = 0;

  const touch = <T>(executorId: string, what: string, effect: () => T): T | Promise<T> => {
    journalCalls++;
    const fate = options.onJournalCall?.(journalCalls, what) ?? "go";
    if (fate === "die-before") kill(executorId);
    return unlessDead(executorId, () => {
      const result = effect();
      if (fate === "die-after") kill(executorId);
      return result;
    });
  };

  return {
    clock,
    engine(executorId) {
      if (names.has(executorId)) throw new Error(`the executor id ${executorId} is used twice`);
      names.add(executorId);
      return processOf(executorId, {
        clock: mortal(executorId, clock),
        records,
        send: post(records, clock, options.onSend ?? (() => [0])),
        async access(what, effect) {
          const result = await unlessDead(executorId, () => touch(executorId, what, effect));
          // One turn later, as with any real journal; the process may have died or been stopped meanwhile.
          return whenAwake(executorId, () => result);
        },
      });
    },
    crash: kill,
    isAlive,
    pause,
    mortal,
    get journalCalls() {
      return journalCalls;
    },
  };
}

/** Messages travel on their own: they arrive also where their sender has died meanwhile. */
function post(
  records: ReadonlyMap<string, FlowRecord>,
  clock: VirtualClock,
  delays: NonNullable<SimulatedWorldOptions["onSend"]>,
): FlowEngine["send"] {
  const deliver = (record: FlowRecord, topic: string, message: Json, key: string) => {
    if (record.messageKeys.has(key)) return;
    record.messageKeys.add(key);
    record.messages.push({ topic, message, received: false });
    for (const wake of record.listeners) wake();
  };
  return async (id, topic, message, key) => {
    const record = records.get(id);
    if (!record) throw engineFailed(`There is no flow ${id} to send to.`);
    const copy = structuredClone(message);
    for (const afterMs of delays(id, topic, key)) {
      if (afterMs === 0) deliver(record, topic, copy, key);
      else void clock.sleep(afterMs).then(() => deliver(record, topic, copy, key));
    }
  };
}

interface Shared extends Pick<Host, "access" | "clock"> {
  readonly records: Map<string, FlowRecord>;
  readonly send: FlowEngine["send"];
}

interface Run {
  readonly flow: SimulatedFlow;
  readonly end: Promise<FlowState>;
  readonly reject: (lost: FlowLost) => void;
}

/** The part of the world that one process is. */
function processOf(executorId: string, { clock, records, access, send }: Shared): FlowEngine {
  const bodies = new Map<string, FlowBody>();
  const runs = new Map<string, Run>();
  let closing = false;
  const host: Host = {
    executorId,
    clock,
    access,
    get closing() {
      return closing;
    },
  };

  const run = (record: FlowRecord) => {
    const body = bodies.get(record.name);
    if (!body) throw engineFailed(`No flow is registered as ${record.name}.`);
    const flow = simulatedFlow(record, host);
    const { promise, resolve, reject } = Promise.withResolvers<FlowState>();
    promise.catch(() => undefined);
    runs.set(record.id, { flow, end: promise, reject });
    void runToEnd(record, flow, () => body(flow, structuredClone(record.input))).then(resolve, reject);
  };

  return {
    executorId,
    register: (name, body) => void bodies.set(name, body),
    launch: async () => undefined,
    async start(name, id, input) {
      await access(`${id} start`, () => {
        if (!records.has(id)) run(records.set(id, newRecord(id, name, input, executorId)).get(id) as FlowRecord);
      });
    },
    async takeOver(id) {
      await access(`${id} take over`, () => {
        const record = records.get(id);
        if (!record) throw engineFailed(`There is no flow ${id} to take over.`);
        const mine = record.executorId === executorId && runs.has(id) && !runs.get(id)?.flow.lost;
        if (record.state.kind !== "running" || mine) return;
        record.generation++;
        record.executorId = executorId;
        run(record);
      });
    },
    send,
    published: async (id, key) => structuredClone(records.get(id)?.published.get(key)),
    state: async (id) => structuredClone(records.get(id)?.state),
    async settled(id) {
      const state = records.get(id)?.state;
      return runs.get(id)?.end ?? (state && state.kind !== "running" ? state : Promise.reject(notHere(id)));
    },
    async shutdown() {
      closing = true;
      for (const { reject } of runs.values()) reject(new FlowLost(`executor ${executorId} is going down`));
    },
  };
}

/** The recorded end; rejects where the run was lost before. */
async function runToEnd(record: FlowRecord, flow: SimulatedFlow, body: () => Promise<Json>): Promise<FlowState> {
  const [result] = await Promise.allSettled([body()]);
  if (result.status === "rejected" && result.reason instanceof FlowLost) flow.giveUp(result.reason);
  if (flow.lost && record.state.kind === "broken") return record.state;
  if (flow.lost) throw flow.lost;
  const state: FlowState =
    result.status === "fulfilled"
      ? { kind: "finished", output: structuredClone(result.value ?? null) }
      : { kind: "broken", error: (result.reason as Error).message };
  await flow.end(state);
  return state;
}

const notHere = (id: string) => engineFailed(`Flow ${id} does not run in this process.`);

const engineFailed = (message: string): SluiceError =>
  new SluiceError({
    code: "ENGINE_FAILED",
    remedy: "bug",
    at: "engine",
    message,
    hint: "This is a fault of the simulated deployment. To see it again: sluice simulate",
  });
