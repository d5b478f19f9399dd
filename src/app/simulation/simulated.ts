/** What a simulation is asked for, and what it found. */
import type { Failure } from "../../domain/errors.ts";
import type { DeploymentEvent } from "../../domain/events.ts";
import type { Json } from "../../domain/json.ts";
import type { Notification } from "../../domain/notification.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { Plan } from "../../domain/plan.ts";
import type { CommandToRun } from "./commands.ts";
import type { FaultName } from "./faults.ts";
import type { ServedRequests } from "./place.ts";

export interface SimulateOptions {
  readonly projectFolder: string;
  /** Undefined: a release is invented. */
  readonly name: string | undefined;
  readonly faults: readonly FaultName[];
  readonly startedBy: string;
  /** Nothing serves yet. */
  readonly first: boolean;
  readonly requestsPerSecond: number;
  /** Of every version, 0 to 1. */
  readonly errorRate: number;
  readonly migrations: number;
  /** Where secrets are looked for; only whether they are there counts. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch at which virtual time begins. */
  readonly startMs: number;
  readonly signal: AbortSignal;
}

/** A line of the timeline about the simulation itself. */
export interface SimulationNote {
  readonly atMs: number;
  readonly text: string;
}

export interface Simulated {
  readonly deploymentId: string;
  readonly environment: string;
  readonly version: string;
  readonly replaces: string | null;
  readonly faults: readonly FaultName[];
  readonly assumptions: readonly string[];
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly plan: { readonly plan: Plan; readonly digest: string } | null;
  readonly events: readonly DeploymentEvent[];
  readonly notes: readonly SimulationNote[];
  readonly commands: readonly CommandToRun[];
  readonly notifications: readonly { readonly channel: string; readonly notification: Notification }[];
  readonly undelivered: number;
  readonly requests: Readonly<ServedRequests>;
  readonly outcome: Outcome;
  /** That a real deployment would have. */
  readonly exitCode: number;
  readonly failure: Failure | null;
  readonly servesNow: string | null;
  readonly record: { readonly [key: string]: Json };
  readonly folder: string | null;
  /** File → text, as they would lie in the folder. */
  readonly files: ReadonlyMap<string, string>;
}
