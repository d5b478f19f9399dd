/**
 * What the pipeline is told about one environment: every default applied, every duration in milliseconds, every secret a
 * name. `config/resolve.ts` makes it from sluice.yaml; plain JSON, so that a deployment journals the settings it began with.
 */

import type { BackupSettings } from "./backup-settings.ts";
import type { CheckAction, CheckName, Strictness } from "./checks.ts";
import type { DatabaseSettings } from "./database-settings.ts";
import type { ForgeUse } from "./forge-settings.ts";
import type { MetricSourceSettings } from "./metric-settings.ts";
import type { MigrationSettings } from "./migration-settings.ts";
import type { NotifierSettings } from "./notifier-settings.ts";
import type { RouteSettings } from "./routing.ts";
import type { ScheduledSettings } from "./schedule.ts";
import type { StagingRule } from "./staging-gate.ts";
import type { AdaptiveSettings, RolloutStrategy, VerdictSettings } from "./verdict-settings.ts";
import type { VulnerabilitySettings } from "./vulnerabilities.ts";

/** A value, or the name of a secret whose text is looked up only where it is used. */
export type ValueOrSecret = string | { readonly secret: string };

/** Where a secret's text comes from (K1). */
export type SecretSource =
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "file"; readonly path: string };

export interface SecretSettings {
  readonly name: string;
  readonly source: SecretSource;
  readonly required: boolean;
}

export interface ComponentSettings {
  readonly name: string;
  /** Commands that build it, argv each, run in the exported tree in this order. */
  readonly build: readonly (readonly string[])[];
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, ValueOrSecret>>;
  readonly instances: number;
  readonly stopTimeoutMs: number;
  readonly ready: {
    readonly path: string;
    readonly status: number;
    /** The ready answer's JSON body must name the version under the key `version`. */
    readonly tellsVersion: boolean;
    readonly intervalMs: number;
    readonly timeoutMs: number;
  };
  /** Null: the component gets no traffic through a router (a worker): it is replaced at the end of the rollout. */
  readonly route: RouteSettings | null;
}

export interface HealthCheckSettings {
  readonly name: string;
  readonly url: string;
  readonly status: number;
  /** JSON path → expected value; `{version}` stands for the release's version. */
  readonly body: Readonly<Record<string, string | number | boolean>>;
  readonly contains: string | null;
  readonly retries: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly overallMs: number;
  readonly critical: boolean;
}

export interface JourneyStepSettings {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, ValueOrSecret>>;
  readonly json: unknown;
  readonly expect: {
    readonly status: number;
    readonly json: Readonly<Record<string, string | number | boolean>>;
    readonly contains: string | null;
  };
  /** Variable → JSON path in the body, or `header:<name>`. */
  readonly save: Readonly<Record<string, string>>;
}

export interface JourneySettings {
  readonly name: string;
  readonly baseUrl: string;
  readonly critical: boolean;
  readonly suite: SmokeSuite;
  readonly steps: readonly JourneyStepSettings[];
}

export const smokeSuites = ["essential", "full", "extended"] as const;
export type SmokeSuite = (typeof smokeSuites)[number];

export interface RolloutStep {
  readonly percent: number;
  readonly bakeMs: number;
  /** `by-hand`: after its bake the weight stays until a person promotes it, at most for `RolloutSettings.promoteWithinMs`. */
  readonly promote?: "automatic" | "by-hand";
}

/** Limits on what the router counted (O2). A limit of null is not judged. */
export interface TrafficLimits {
  /** Errors per request of the candidate, 0 to 1. */
  readonly errorRate: number | null;
  /** Points (0 to 1) by which the candidate's error rate may lie above the stable version's in the same time. */
  readonly errorRateRise: number | null;
  readonly meanLatencyMs: number | null;
  readonly p95LatencyMs: number | null;
  readonly p99LatencyMs?: number | null;
  /**
   * Requests a second of both versions together, as multiples of those before the rollout: outside of it something is wrong that no
   * comparison of the versions shows, e.g. nobody gets as far as us any more.
   */
  readonly trafficBand?: { readonly min: number; readonly max: number } | null;
  /** Fewer requests than this at the candidate: unknown, never pass. */
  readonly minRequests: number;
}

export const failureActions = ["roll-back", "hold", "alert"] as const;
export type FailureAction = (typeof failureActions)[number];

export interface RolloutSettings {
  readonly strategy: RolloutStrategy;
  readonly steps: readonly RolloutStep[];
  readonly verdict: VerdictSettings;
  readonly adaptive: AdaptiveSettings;
  /** A step ends as soon as the candidate is proven good, at the earliest after `adaptive.minSoakMs`. */
  readonly earlyPromotion: boolean;
  /** At "100 %" this much stays on the stable version until the bake ends, since without it nothing is left to compare with. */
  readonly controlPercent: number;
  readonly promoteWithinMs: number;
  /** Wait after the candidate is ready and before the first check (H3). */
  readonly settleMs: number;
  readonly checkEveryMs: number;
  /** R2: this many failed rounds in a row roll back: exactly this many, not one more. */
  readonly failureLimit: number;
  readonly drainTimeoutMs: number;
  readonly limits: TrafficLimits;
  /** How long beyond its bake a step may stay undecided before `onUnknown` applies. */
  readonly unknownForMs: number;
  readonly onUnknown: "roll-back" | "continue";
  /** The router returns to stable by itself when nobody renews its weights for this long. */
  readonly unattendedMs: number;
  /** How long the previous version keeps running after the deployment, for a quick way back. */
  readonly keepStableMs: number;
}

export interface ObservationSettings {
  readonly durationMs: number;
  readonly everyMs: number;
  readonly failureLimit: number;
  /** Share of all probes of the window so far that must have passed, judged after `minProbes`. */
  readonly minSuccessRatio: number;
  readonly minProbes: number;
  readonly limits: TrafficLimits;
  readonly action: FailureAction;
  /** O5: after success, alerts only. 0: none. */
  readonly extendedMs: number;
}

export interface ApprovalSettings {
  readonly required: number;
  readonly approvers: readonly string[];
  /** Text in OpenSSH's allowed_signers format; signatures are checked against it. */
  readonly allowedSigners: string;
  /** P3: the commit's author may not approve either. */
  readonly excludeAuthor: boolean;
  readonly acceptDeclared: boolean;
  /** P4: after the last approval, time in which it can still be cancelled. */
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly remindEveryMs: number;
}

export type { NotifierSettings };

export interface EnvironmentSettings extends ScheduledSettings, ForgeUse {
  readonly project: string;
  readonly environment: string;
  readonly url: string | null;
  readonly strictness: Strictness;
  readonly checks: Readonly<Record<CheckName, CheckAction>>;
  readonly overrides: readonly CheckName[];
  /** P5: patterns of tags, and of branches, that may deploy here. */
  readonly tags: readonly string[];
  readonly branches: readonly string[];
  readonly ciCommand: readonly string[] | null;
  readonly ciTimeoutMs: number;
  /** T10; null or absent: nothing need have been deployed anywhere before. */
  readonly staging?: StagingRule | null;
  /** T8; null or absent: nobody looks. */
  readonly vulnerabilities?: VulnerabilitySettings | null;
  readonly build: "before-plan" | "with-migrations";
  readonly components: readonly ComponentSettings[];
  readonly target: { readonly kind: "process"; readonly root: string };
  readonly router: { readonly kind: "builtin"; readonly state: string };
  readonly databases: readonly DatabaseSettings[];
  readonly migrations: readonly MigrationSettings[];
  readonly secrets: readonly SecretSettings[];
  readonly disk: { readonly minFreeBytes: number };
  readonly memory: { readonly minFreeBytes: number };
  readonly load: { readonly maxPerCpu: number };
  readonly approvals: ApprovalSettings;
  readonly lock: {
    readonly onBusy: "fail" | "queue";
    readonly queueTimeoutMs: number;
    readonly leaseMs: number;
    readonly heartbeatMs: number;
  };
  readonly backup: BackupSettings;
  readonly rollout: RolloutSettings;
  readonly health: readonly HealthCheckSettings[];
  /** Of numbers besides the routers' own (O4). */
  readonly metrics: readonly MetricSourceSettings[];
  readonly smoke: {
    readonly suite: SmokeSuite;
    readonly timeoutMs: number;
    readonly maxResponseMs: number | null;
    readonly checks: readonly SmokeCheckSettings[];
    readonly journeys: readonly JourneySettings[];
  };
  readonly observation: ObservationSettings;
  readonly rollback: {
    readonly windowMs: number;
    readonly confirmWord: string;
    /** X1: what each trigger does. */
    readonly on: Readonly<Record<RollbackTrigger, FailureAction>>;
  };
  readonly records: { readonly folder: string; readonly keepDays: number };
  /** Z4: the file of checkpoints, and the SSH key that signs them; null: they are not signed. */
  readonly audit: { readonly checkpoints: string; readonly key: string | null };
  readonly onCall: readonly string[];
  readonly notify: readonly NotifierSettings[];
}

export const rollbackTriggers = ["health", "smoke", "observation", "rollout"] as const;
export type RollbackTrigger = (typeof rollbackTriggers)[number];

export type SmokeCheckSettings =
  | {
      readonly kind: "tls";
      readonly name: string;
      readonly suite: SmokeSuite;
      readonly url: string;
      readonly minDaysLeft: number;
      readonly critical: boolean;
    }
  | {
      readonly kind: "https-enforced";
      readonly name: string;
      readonly suite: SmokeSuite;
      readonly url: string;
      readonly critical: boolean;
    }
  | {
      readonly kind: "cors";
      readonly name: string;
      readonly suite: SmokeSuite;
      readonly url: string;
      readonly origin: string;
      readonly critical: boolean;
    }
  | {
      readonly kind: "response-time";
      readonly name: string;
      readonly suite: SmokeSuite;
      readonly url: string;
      readonly samples: number;
      readonly maxMs: number;
      readonly critical: boolean;
    }
  | {
      readonly kind: "tcp";
      readonly name: string;
      readonly suite: SmokeSuite;
      readonly host: string;
      readonly port: number;
      readonly critical: boolean;
    }
  | { readonly kind: "http"; readonly name: string; readonly suite: SmokeSuite; readonly check: HealthCheckSettings };
