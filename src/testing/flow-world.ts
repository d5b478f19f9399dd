/** The world in which an engine is tried, and what both parts of the flow contract use. */
import type { Clock } from "../ports/clock.ts";
import type { FlowBody, FlowEngine } from "../ports/flow.ts";

export interface FlowWorld {
  /** The time in which the engine's sleeps and timeouts pass. */
  readonly clock: Clock;
  /** A new process of the world, launched, with `bodies` registered; the one before does no more than end its step. */
  process(bodies: Readonly<Record<string, FlowBody>>): Promise<FlowEngine>;
  readonly dispose: () => Promise<void>;
}

export type InWorld = (title: string, body: (world: FlowWorld) => Promise<void>) => void;

let flowsStarted = 0;
export const newId = (): string => `flow-${process.pid}-${++flowsStarted}`;

/** A step body's way to wait for the test, and the other way round. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** A step body that says it has begun, and ends when the test lets it; without `until`, never. */
export const begin =
  (began: Gate, until: Gate = gate()) =>
  (): Promise<void> => {
    began.open();
    return until.opened;
  };

/** Polls in the world's time. */
export async function until(world: FlowWorld, condition: () => Promise<boolean>): Promise<void> {
  const endsAtMs = world.clock.now() + 10_000;
  while (!(await condition())) {
    if (world.clock.now() > endsAtMs) throw new Error("the condition did not come about within 10 s");
    await world.clock.sleep(10);
  }
}
