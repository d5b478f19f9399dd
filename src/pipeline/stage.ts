/**
 * A stage says what it will do (`plan`), what it touches, and how to undo it. Plan, simulation and execution come from the
 * same object, so they cannot differ (architecture.md, "The stage").
 */
import type { Attempt } from "../domain/attempt.ts";
import type { Json } from "../domain/json.ts";
import type { Notification, NotificationKind } from "../domain/notification.ts";
import type { PlannedMigration } from "../domain/plan.ts";
import type { Artifact, Release } from "../domain/release.ts";
import type { Serving } from "../domain/serving.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { Flow } from "../ports/flow.ts";
import type { Parts } from "./parts.ts";
import type { Traffic } from "./traffic.ts";

/** What is known when planning; the same for every stage. */
export interface PlanFacts {
  readonly settings: EnvironmentSettings;
  readonly release: Release;
  readonly artifacts: readonly Artifact[];
  readonly serving: Serving | undefined;
  readonly migrations: readonly PlannedMigration[];
}

export type Notify = (
  kind: NotificationKind,
  text: Pick<Notification, "title" | "message" | "next"> & Partial<Notification>,
) => Promise<void>;

export type Touches = "nothing" | "backups" | "database" | "artifacts" | "workload" | "traffic" | "people" | "lock";

export interface StageContext {
  readonly flow: Flow;
  readonly parts: Parts;
  readonly deploymentId: string;
  readonly version: string;
  /** The fencing token of this execution; every mutating method of a port takes it. */
  readonly attempt: Attempt;
  /** Aborted when the deployment is cancelled, or lost to another process. */
  readonly signal: AbortSignal;
  readonly traffic: Traffic;
  /** Throws unless this execution is still in charge. Called just before every effect. */
  readonly guard: () => Promise<void>;
  /** One line of the deployment's story, with data for those who draw it. */
  readonly progress: (title: string, detail?: Json, tone?: "info" | "ok" | "warn" | "bad") => Promise<void>;
  /** A line of the story told from between journal steps, journalled itself. */
  readonly tell: (key: string, title: string, tone?: "info" | "ok" | "warn" | "bad", detail?: Json) => Promise<void>;
  readonly notify: Notify;
  /** A journal step after each wait: throws where it was cancelled or superseded; else it is not waiting any more. */
  readonly stillWanted: () => Promise<void>;
  /** The lock brings a fresh number, higher than any that the environment's targets have seen. Undefined: none came. */
  readonly changeAttempt: (change: () => Promise<Attempt | undefined>) => Promise<void>;
  /** Appends to a file of the deployment's folder (D7). */
  readonly log: (file: string, line: string) => Promise<void>;
}

export interface Stage<Input, Intent, Output> {
  readonly name: string;
  readonly touches: Touches;
  /** Pure; what a person approves. Empty: nothing to do here. */
  readonly plan: (facts: PlanFacts) => readonly string[];
  /** What it usually takes, for the plan (P1). */
  readonly expectedMs: (facts: PlanFacts) => number;
  /** Pure; journalled before anything happens. */
  readonly prepare: (input: Input) => Intent;
  /** Idempotent; may repeat, also after dying half-way. */
  readonly run: (intent: Intent, ctx: StageContext) => Promise<Output>;
  /** Undoes whatever of it happened. May repeat. Of several runs of the same stage only the last one is undone. */
  readonly undo?: (intent: Intent, ctx: StageContext) => Promise<void>;
  /** One line for the story when it ended well. */
  readonly summary: (output: Output, intent: Intent) => string;
  /** True: it waits for people or time and journals its own steps; otherwise the whole run is one journal step. */
  readonly waits?: boolean;
}
