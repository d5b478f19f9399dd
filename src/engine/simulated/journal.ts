/** The simulated journal: what survives the death of a process. */
import type { Json } from "../../domain/json.ts";
import { FlowLost, type FlowState } from "../../ports/flow.ts";

export interface FlowRecord {
  readonly id: string;
  readonly name: string;
  readonly input: Json;
  /** Rises with each take-over; a run of an earlier generation is stale. */
  generation: number;
  /** Who runs the latest generation. */
  executorId: string;
  state: FlowState;
  /** By the order of calls. */
  readonly entries: Entry[];
  readonly messages: { readonly topic: string; readonly message: Json; received: boolean }[];
  readonly messageKeys: Set<string>;
  readonly published: Map<string, Json>;
  /** Called when a message arrives. */
  readonly listeners: Set<() => void>;
}

/** `what` tells a replay that the code has changed under it. */
export interface Entry {
  readonly what: string;
  /** A step's result as text, a time, or the end of a sleep or wait. */
  readonly value?: string | number;
  /** A wait that is over. */
  readonly received?: { readonly message: Json | undefined };
}

export const newRecord = (id: string, name: string, input: Json, executorId: string): FlowRecord => ({
  id,
  name,
  input: structuredClone(input),
  generation: 1,
  executorId,
  state: { kind: "running" },
  entries: [],
  messages: [],
  messageKeys: new Set(),
  published: new Map(),
  listeners: new Set(),
});

/** The entry at `at`, made where it is missing. Code that does not fit its journal breaks the flow for good. */
export function entryAt(record: FlowRecord, at: number, what: string, make: () => Entry): Entry {
  const found = record.entries[at] ?? make();
  record.entries[at] = found;
  if (found.what === what) return found;
  const error = `the journal has "${found.what}" where the code now has "${what}"`;
  record.state = { kind: "broken", error };
  throw new FlowLost(`flow ${record.id}: ${error}`);
}
