/**
 * R1: how a person steers a rollout that is under way. An order stays until the next one; `continue` takes a pause back. A
 * promotion counts for the weight that is held when it is given, never for a later one.
 */

export const steeringKinds = ["pause", "promote", "continue"] as const;
export type SteeringKind = (typeof steeringKinds)[number];

export interface SteeringOrder {
  readonly kind: SteeringKind;
  readonly by: string;
  readonly reason: string;
}

/** The order as the ledger keeps it. */
export interface Steering extends SteeringOrder {
  /** By the ledger's clock. */
  readonly atMs: number;
}

export const isPaused = (steering: Steering | null): boolean => steering?.kind === "pause";

/** @param heldSinceMs when the weight that is asked about was begun, by the ledger's clock. */
export const isPromoted = (steering: Steering | null, heldSinceMs: number): boolean =>
  steering?.kind === "promote" && steering.atMs >= heldSinceMs;

const words: Readonly<Record<SteeringKind, string>> = {
  pause: "Paused at its weight",
  promote: "Let go on",
  continue: "Pause ended",
};

export const steeringTitle = ({ kind, by, reason }: SteeringOrder): string => `${words[kind]} by ${by}: ${reason}`;
