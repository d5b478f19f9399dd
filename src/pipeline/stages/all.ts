/** The stages of a deployment in their order, for the plan. The story that runs them is pipeline/deploy.ts. */
import type { Stage } from "../stage.ts";
import { approve } from "./approve.ts";
import { backup } from "./backup.ts";
import { build } from "./build.ts";
import { confirmCi } from "./confirm-ci.ts";
import { lock } from "./lock.ts";
import { migrate } from "./migrate.ts";
import { observe } from "./observe.ts";
import { promote } from "./promote.ts";
import { retire } from "./retire.ts";
import { rolloutStep } from "./rollout-step.ts";
import { smoke } from "./smoke.ts";
import { startCandidate } from "./start-candidate.ts";

export type AnyStage = Pick<Stage<never, unknown, unknown>, "name" | "touches" | "plan" | "expectedMs">;

/** A function, since the plan stage is imported by some of them. */
export const lastStages = (): readonly AnyStage[] => [
  build,
  approve,
  lock,
  confirmCi,
  backup,
  migrate,
  startCandidate,
  rolloutStep,
  smoke,
  observe,
  promote,
  retire,
];
