/**
 * Durable execution, as little of it as the pipeline needs. Two engines implement it and pass one contract suite:
 * `engine/dbos` (real, PostgreSQL) and `engine/simulated` (virtual time, injected faults).
 *
 * A *flow* is an async function that can die at any instant and be run again from its beginning by another process. Its
 * effects happen only inside `step`; a completed step's result comes from the journal and its body never runs again. A step
 * that was running when the process died runs again: bodies are idempotent. Between steps a flow is deterministic.
 */
import type { Json } from "../domain/json.ts";

export interface Flow {
  /** The flow's id; equal to the deployment's id. */
  readonly id: string;

  /**
   * Runs `body` at least once and journals its result exactly once. An error thrown by the body is journalled as the step's
   * result as well, and thrown again (as a `SluiceError`, also after a replay). Never retries by itself.
   * `name` is for people; identity is the order of calls. Two steps may run side by side when both are *called* before
   * either is awaited.
   */
  step<T>(name: string, body: () => Promise<T>): Promise<T>;

  /** Durable: a flow resumed after the end of its sleep goes on at once. */
  sleep(ms: number): Promise<void>;

  /**
   * The next message on `topic`, in the order sent, or `undefined` after `timeoutMs`. Messages sent before the wait, and
   * while the flow was down, are kept. The timeout is durable: it is not restarted by a crash.
   */
  waitFor(topic: string, timeoutMs: number): Promise<Json | undefined>;

  /** Milliseconds since the epoch; journalled, so a replay sees the same time. */
  now(): Promise<number>;

  /** Sets a value that others may read with `FlowEngine.published` while the flow runs and afterwards. */
  publish(key: string, value: Json): Promise<void>;
}

export type FlowBody = (flow: Flow, input: Json) => Promise<Json>;

export type FlowState =
  | { readonly kind: "running" }
  | { readonly kind: "finished"; readonly output: Json }
  /** The flow's function threw: a bug, since the pipeline turns failures into outcomes. */
  | { readonly kind: "broken"; readonly error: string };

export interface FlowEngine {
  /** Names this process as the one that runs flows; unique per process, recorded with every flow it runs. */
  readonly executorId: string;

  /** Before `launch`. The name and the sequence of steps of a flow belong to the application version. */
  register(name: string, body: FlowBody): void;

  /** Connects. Runs nothing by itself: other executors' flows are taken over only by `takeOver`. */
  launch(): Promise<void>;

  /** Starts a flow, once: a second start with the same id is a no-op. Returns when the start is durable. */
  start(name: string, id: string, input: Json): Promise<void>;

  /**
   * Runs here the unfinished flow that a dead executor left. The caller has made sure (lease) that the other is dead or
   * fenced; the engine makes sure that the other's later journal writes are refused. A flow that is finished stays so.
   */
  takeOver(id: string): Promise<void>;

  /** Delivered at least once to the flow, exactly once per `key`. May be sent by any process, launched or not. */
  send(id: string, topic: string, message: Json, key: string): Promise<void>;

  published(id: string, key: string): Promise<Json | undefined>;

  state(id: string): Promise<FlowState | undefined>;

  /** Resolves when the flow, run by this process, ends here; rejects when this process lost it to another one. */
  settled(id: string): Promise<FlowState>;

  /** Ends this process's part. Flows under way stay unfinished and can be taken over. */
  shutdown(): Promise<void>;
}

/**
 * Thrown through the flow's function when this process lost the flow (another one took it over) or the engine is going
 * down. Nobody may compensate then: it passes through every `catch` (architecture.md, rule 2).
 */
export class FlowLost extends Error {
  override readonly name = "FlowLost";
}
