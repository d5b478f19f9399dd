/** The settings of an environment in the scenarios: short bakes, three weights, two routed components and a worker without a route. */
import { checkActionsOf } from "../../src/domain/checks.ts";
import type { ComponentSettings, EnvironmentSettings, TrafficLimits } from "../../src/domain/settings.ts";
import type { VerdictSettings } from "../../src/domain/verdict-settings.ts";

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** Planted as the value of `API_KEY`: must never be seen outside of a started instance (K1). */
export const sentinel = "hunter2-Sentinel-7f3a";

const limits: TrafficLimits = {
  errorRate: 0.1,
  errorRateRise: null,
  meanLatencyMs: null,
  p95LatencyMs: null,
  minRequests: 20,
};

/** The scenarios of the sequential test switch it on. */
export const verdictOff: VerdictSettings = {
  mode: "off",
  bucketMs: 5 * second,
  graceMs: 2 * second,
  warmUpMs: minute,
  horizonMs: 30 * minute,
  falseAlarm: 0.01,
  holdFalseAlarm: 0.05,
  dispersion: null,
  dispersionWithoutHistory: 1,
  mostExcess: 0.2,
  rehearsal: false,
  weights: null,
  holdOn: ["errors"],
  advisory: [],
};

export function component(name: string, more: Partial<ComponentSettings> = {}): ComponentSettings {
  return {
    name,
    build: [["make", name]],
    command: ["serve", name],
    workingDirectory: ".",
    environment: { API_KEY: { secret: "API_KEY" }, LOG: "info" },
    instances: 1,
    stopTimeoutMs: 10 * second,
    ready: { path: "/health", status: 200, tellsVersion: true, intervalMs: 100, timeoutMs: 30 * second },
    route: { host: "127.0.0.1", port: 8080 },
    ...more,
  };
}

export function scenarioSettings(environment: string): EnvironmentSettings {
  return {
    project: "shop",
    environment,
    url: `https://${environment}.example.com`,
    strictness: "standard",
    checks: checkActionsOf("standard", {}),
    overrides: [],
    tags: ["v*"],
    branches: [],
    ciCommand: null,
    ciTimeoutMs: minute,
    build: "before-plan",
    components: [component("api", { instances: 2 }), component("web"), component("jobs", { route: null })],
    target: { kind: "process", root: `/srv/${environment}` },
    router: { kind: "builtin", state: `/srv/${environment}/router` },
    databases: [{ name: "main", kind: "sqlite", file: "/srv/main.sqlite" }],
    migrations: [{ database: "main", apply: ["migrate"], pending: ["pending"], environment: {}, timeoutMs: minute }],
    secrets: [{ name: "API_KEY", source: { kind: "environment", variable: "API_KEY" }, required: true }],
    disk: { minFreeBytes: 1e9 },
    memory: { minFreeBytes: 1e8 },
    load: { maxPerCpu: 4 },
    approvals: {
      required: 0,
      approvers: ["bob", "eve", "kim"],
      allowedSigners: "",
      excludeAuthor: false,
      acceptDeclared: true,
      waitMs: 0,
      timeoutMs: 2 * hour,
      remindEveryMs: hour,
    },
    lock: { onBusy: "fail", queueTimeoutMs: 10 * minute, leaseMs: 3 * second, heartbeatMs: second },
    backup: {
      policy: "always",
      folder: "/srv/backups",
      nameTemplate: "{environment}-{database}-{time}-{deployment}",
      keepNewest: 10,
      keepRecordedDays: 365,
    },
    schedules: [],
    objectives: { rpoMs: null, rtoMs: null },
    rollout: {
      strategy: "steps",
      verdict: verdictOff,
      adaptive: { budget: 50, reactionMs: 10 * second, minSoakMs: minute, maxSoakMs: 10 * minute },
      earlyPromotion: false,
      controlPercent: 0,
      promoteWithinMs: hour,
      steps: [
        { percent: 5, bakeMs: 30 * second },
        { percent: 50, bakeMs: 30 * second },
        { percent: 100, bakeMs: 30 * second },
      ],
      settleMs: 0,
      checkEveryMs: 10 * second,
      failureLimit: 3,
      drainTimeoutMs: 10 * second,
      limits,
      unknownForMs: 20 * second,
      onUnknown: "roll-back",
      unattendedMs: 15 * second,
      keepStableMs: 0,
    },
    health: [],
    metrics: [],
    smoke: { suite: "essential", timeoutMs: minute, maxResponseMs: null, checks: [], journeys: [] },
    observation: {
      durationMs: minute,
      everyMs: 15 * second,
      failureLimit: 3,
      minSuccessRatio: 0.9,
      minProbes: 20,
      limits,
      action: "roll-back",
      extendedMs: 0,
    },
    rollback: {
      windowMs: hour,
      confirmWord: "ROLLBACK",
      on: { health: "roll-back", smoke: "roll-back", observation: "roll-back", rollout: "roll-back" },
    },
    records: { folder: "/srv/records", keepDays: 365 },
    audit: { checkpoints: "/srv/records/audit-checkpoints.jsonl", key: null },
    onCall: ["ada +49 30 123456"],
    notify: [],
  };
}

/** The settings with some of them replaced, group by group. */
export type SettingsChange = {
  readonly [Key in keyof EnvironmentSettings]?: EnvironmentSettings[Key] extends readonly unknown[]
    ? EnvironmentSettings[Key]
    : Partial<EnvironmentSettings[Key]> | EnvironmentSettings[Key];
};

export function changed(settings: EnvironmentSettings, change: SettingsChange): EnvironmentSettings {
  const entries = Object.entries(change).map(([key, value]) => {
    const before = settings[key as keyof EnvironmentSettings];
    const isGroup = typeof value === "object" && value !== null && !Array.isArray(value);
    return [key, isGroup ? { ...(before as object), ...value } : value];
  });
  return { ...settings, ...Object.fromEntries(entries) };
}
