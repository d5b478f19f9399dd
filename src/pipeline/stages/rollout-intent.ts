/** What one weight of a rollout is begun with; journalled, so that a bake begun again sees all of it. */
import type { Serving, ServingComponent } from "../../domain/serving.ts";
import type { RolloutSettings, RolloutStep } from "../../domain/settings.ts";
import type { Readings } from "../reading.ts";
import type { PlannedVerdict } from "../verdict-plan.ts";
import type { Started } from "./start-candidate.ts";

export interface RolloutIntent {
  readonly step: RolloutStep;
  readonly startedAtMs: number;
  /** When the first weight was begun: the adaptive ramp counts from there. */
  readonly rolloutStartedAtMs: number;
  /** When this weight was begun, by the ledger's clock: orders that people gave before count for another one. */
  readonly heldSinceLedgerMs: number;
  readonly verdict: PlannedVerdict;
  readonly version: string;
  readonly candidate: readonly ServingComponent[];
  readonly stable: Serving | null;
  readonly started: Started;
  readonly routed: readonly string[];
  readonly rollout: RolloutSettings;
  /** What the routers had counted when the step began. */
  readonly before: Readings;
}
