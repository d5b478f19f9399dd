/** What is wrong in a simulated world, now. Plain switches: faults.ts sets them, the simulated parts look at them. */
import type { EnvironmentSettings } from "../../domain/settings.ts";
import type { Behaviour } from "../../testing/memory-target.ts";

export interface Mishaps {
  /** Share of the candidate's requests that fail, 0 to 1. */
  errorRate: number;
  /** Of every request to the candidate, milliseconds. */
  latencyMs: number;
  /** How the candidate's instances come up. */
  start: Behaviour;
  /** False: the candidate fails every health check once it is started. */
  healthy: boolean;
  smokePasses: boolean;
  /** To each routed component. */
  requestsPerSecond: number;
  people: "approve" | "reject" | "silent";
  migrationFails: boolean;
  /** What the store holds is not what was sent. */
  backupDamaged: boolean;
  ledgerAway: boolean;
  targetAway: boolean;
  channelsDown: boolean;
}

/** What a fault can do to the world. */
export interface Stagehand {
  readonly settings: EnvironmentSettings;
  readonly broken: Mishaps;
  /** In the middle of the first weight's bake. */
  duringRollout(action: () => Promise<void>): void;
  /** Virtual time. */
  wait(ms: number): Promise<void>;
  /** A line of the timeline about the simulation itself. */
  note(text: string): void;
  /** kill -9 of the process in charge; resolves when another one has taken over after the lease. */
  killAndReplace(): Promise<void>;
  restartRouters(): Promise<void>;
  /** All traffic to the stable version, behind the back of the deployment. */
  revertRouters(): Promise<void>;
  cancel(reason: string): Promise<void>;
  lockByHand(reason: string): Promise<void>;
}

export interface FaultPlace {
  readonly settings: EnvironmentSettings;
  /** Nothing serves yet. */
  readonly first: boolean;
}
