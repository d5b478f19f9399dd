/**
 * What holds where an environment says nothing, per policy, written as a person would write it: the reference page shows
 * these texts, and the schema parses them like any other configuration.
 */
import type { Strictness } from "../domain/checks.ts";
import type { CompleteEnvironment, EnvironmentText } from "./schema.ts";
import { Environment } from "./schema-environment.ts";

const limits = {
  errorRate: 0.01,
  errorRateRise: 0.05,
  meanLatency: "1s",
  p95Latency: "2s",
  p99Latency: "off",
  trafficBand: "off",
  minRequests: 50,
};

/** The same at every level of strictness. */
const common = {
  tags: ["v*"],
  branches: [],
  start: ["dispatch"],
  ci: { timeout: "5m" },
  build: "before-plan",
  target: { kind: "process" },
  router: { kind: "builtin" },
  ports: {},
  variables: {},
  secrets: {},
  checks: {},
  disk: { minFree: "1GiB" },
  memory: { minFree: "128MiB" },
  load: { maxPerCpu: 4 },
  lock: { onBusy: "fail", queueTimeout: "1h", lease: "3s", heartbeat: "1s" },
  schedules: {},
  objectives: {},
  health: [],
  metrics: [],
  rollback: {
    window: "60m",
    confirmWord: "ROLLBACK",
    on: { health: "roll-back", smoke: "roll-back", observation: "roll-back", rollout: "roll-back" },
  },
  records: { folder: "deployment-logs", keepDays: 365 },
  audit: {},
  onCall: [],
} as const;

const approvals = { approvers: [], timeout: "48h", remindEvery: "4h" };
const backup = {
  folder: ".sluice/backups",
  name: "{environment}-{database}-{time}-{deployment}",
  proof: { budget: "10m", equalWithin: "24h" },
  parallel: { from: "20GB", jobs: 2, folder: ".sluice/scratch" },
  keepNewest: 10,
  keepRecordedDays: 365,
};
/** During the rollout the sequential test judges errors: a fixed line rolls back healthy releases sooner or later (docs/verdict.md). */
const rolloutLimits = { ...limits, errorRate: "off", errorRateRise: "off" };
const rollout = {
  strategy: "steps",
  earlyPromotion: false,
  control: 5,
  promoteWithin: "24h",
  verdict: {
    mode: "decides",
    bucket: "5s",
    grace: "2s",
    warmUp: "60s",
    horizon: "30m",
    falseAlarm: 0.01,
    holdFalseAlarm: 0.05,
    dispersion: "measured",
    dispersionWithoutHistory: 1.5,
    mostExcess: 0.2,
    rehearsal: true,
    holdOn: ["errors"],
    advisory: [],
  },
  adaptive: { budget: 50, reaction: "10s", minSoak: "60s", maxSoak: "10m" },
  settle: "0s",
  checkEvery: "10s",
  failureLimit: 3,
  drainTimeout: "30s",
  limits: rolloutLimits,
  unknownFor: "5m",
  onUnknown: "roll-back",
  unattended: "60s",
  keepStable: "60m",
} as const;
const smoke = { timeout: "5m", maxResponse: "2s", checks: [], journeys: [] };
const observation = {
  failureLimit: 3,
  minSuccessRatio: 0.95,
  minProbes: 20,
  limits,
  action: "roll-back",
  extended: "0s",
} as const;

const threeSteps = (first: number, bakes: readonly [string, string, string]) => [
  { percent: first, bake: bakes[0] },
  { percent: 50, bake: bakes[1] },
  { percent: 100, bake: bakes[2] },
];

export const defaultTexts = {
  basic: {
    policy: "basic",
    ...common,
    approvals: { required: 0, ...approvals, excludeAuthor: false, acceptDeclared: true, wait: "0s" },
    backup: { policy: "optional", ...backup },
    rollout: { steps: threeSteps(10, ["5m", "5m", "5m"]), ...rollout },
    smoke: { suite: "essential", ...smoke },
    observation: { duration: "5m", every: "30s", ...observation },
  },
  standard: {
    policy: "standard",
    ...common,
    approvals: { required: 1, ...approvals, excludeAuthor: false, acceptDeclared: false, wait: "0s" },
    backup: { policy: "always", ...backup },
    rollout: { steps: threeSteps(10, ["5m", "5m", "5m"]), ...rollout },
    smoke: { suite: "full", ...smoke },
    observation: { duration: "5m", every: "30s", ...observation },
  },
  strict: {
    policy: "strict",
    ...common,
    approvals: { required: 2, ...approvals, excludeAuthor: true, acceptDeclared: false, wait: "5m" },
    backup: { policy: "verified", ...backup },
    rollout: { steps: threeSteps(5, ["5m", "10m", "15m"]), ...rollout },
    smoke: { suite: "extended", ...smoke },
    observation: { duration: "15m", every: "60s", ...observation },
  },
} as const satisfies Record<Strictness, unknown>;

/** Where neither the environment nor `defaults:` names a policy. */
export const defaultPolicy: Strictness = "standard";

export const defaultsOf = (policy: Strictness): CompleteEnvironment =>
  Environment.parse(defaultTexts[policy] as unknown as EnvironmentText);
