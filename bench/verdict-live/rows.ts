/** What verdict-live runs: releases with their faults, and settings under which each is deployed. */

/** Of the stable version and of every healthy one: one request in 200. */
export const stableFailures = 0.005;
export const answersInMs = 20;
export const requestsPerSecond = 500;

export interface Behaviour {
  readonly failureShare: number;
  readonly meanMs: number;
}

export const faults = {
  healthy: { failureShare: stableFailures, meanMs: answersInMs },
  dead: { failureShare: 1, meanMs: answersInMs },
  half: { failureShare: 0.5, meanMs: answersInMs },
  "5x": { failureShare: 5 * stableFailures, meanMs: answersInMs },
  slow: { failureShare: stableFailures, meanMs: 2 * answersInMs },
} as const satisfies Record<string, Behaviour>;

export interface Row {
  readonly name: string;
  /** In words for the table. */
  readonly rule: string;
  readonly fault: keyof typeof faults;
  /** Lines of the environment laid over the bench's own. */
  readonly settings: Readonly<Record<string, string>>;
  readonly runs: number;
  /** Of the sequential test, where it decides. */
  readonly grid?: { readonly bucketMs: number; readonly graceMs: number };
  /** What is not as a production environment has it. */
  readonly shortened?: string;
}

const fixedSteps = "steps: [{ percent: 5, bake: 5m }, { percent: 50, bake: 5m }, { percent: 100, bake: 5m }]";
/** 1: more than all requests cannot fail, so no line ever fires. */
const noLimits = "limits: { errorRate: 1, errorRateRise: off, meanLatency: off, p95Latency: off, minRequests: 1 }";
const short = (bake: string): string =>
  `steps: [{ percent: 5, bake: ${bake} }, { percent: 50, bake: ${bake} }, { percent: 100, bake: ${bake} }]`;

const usual = { bucketMs: 5000, graceMs: 2000 };
const adaptive = { rollout: "{ strategy: adaptive, keepStable: 0s }" };
const fine = { rollout: "{ strategy: adaptive, verdict: { bucket: 1s, grace: 500ms }, keepStable: 0s }" };
const cold = { rollout: "{ strategy: adaptive, verdict: { warmUp: 10ms }, keepStable: 0s }" };
const fixed = { rollout: `{ ${fixedSteps}, keepStable: 0s }` };
const fixedCold = { rollout: `{ ${fixedSteps}, verdict: { warmUp: 10ms, dispersion: 1 }, keepStable: 0s }` };
const errorLine = {
  rollout: `{ ${fixedSteps}, checkEvery: 60s, failureLimit: 1, unattended: 3m, verdict: { mode: off }, limits: { errorRate: 0.01, errorRateRise: off, meanLatency: 1s, p95Latency: off }, keepStable: 0s }`,
};
const probe = {
  rollout: `{ ${short("30s")}, checkEvery: 10s, failureLimit: 3, verdict: { mode: off }, ${noLimits}, keepStable: 0s }`,
  health: '[{ name: page, url: "{url}/", retries: 1, interval: 50ms, timeout: 2s, overall: 3s }]',
};
const untested = {
  rollout: `{ ${short("20s")}, checkEvery: 10s, failureLimit: 3, verdict: { mode: off }, ${noLimits}, keepStable: 0s }`,
};

const words = {
  adaptive: "sequential test, adaptive ramp",
  fine: "the same, buckets of 1 s, grace 0.5 s",
  cold: "the same, warm-up of 10 ms",
  fixed: "sequential test, fixed 5 %",
  fixedCold: "the same, warm-up of 10 ms, dispersion declared as 1",
  errorLine: "errors < 1 % each 60 s, fixed 5 %",
  probe: "probe of the page every 10 s, 3 in a row; 5/50/100 %",
  untested: "timers only; 5/50/100 %",
};

/** Each lane is a project of its own, and they run side by side; a row that replaces the stable version is its lane's last. */
export const lanes: readonly (readonly Row[])[] = [
  [
    { name: "dead-adaptive", rule: words.adaptive, fault: "dead", settings: adaptive, grid: usual, runs: 5 },
    {
      name: "dead-adaptive-1s",
      rule: words.fine,
      fault: "dead",
      settings: fine,
      grid: { bucketMs: 1000, graceMs: 500 },
      runs: 5,
    },
    { name: "dead-fixed", rule: words.fixed, fault: "dead", settings: fixed, grid: usual, runs: 3 },
    { name: "dead-error-line", rule: words.errorLine, fault: "dead", settings: errorLine, runs: 1 },
    { name: "5x-error-line", rule: words.errorLine, fault: "5x", settings: errorLine, runs: 1 },
    {
      name: "dead-probe",
      rule: words.probe,
      fault: "dead",
      settings: probe,
      runs: 1,
      shortened: "bakes of 30 s instead of 5 min",
    },
    {
      name: "dead-untested",
      rule: words.untested,
      fault: "dead",
      settings: untested,
      runs: 1,
      shortened: "bakes of 20 s instead of 5 min",
    },
  ],
  [
    { name: "5x-adaptive", rule: words.adaptive, fault: "5x", settings: adaptive, grid: usual, runs: 3 },
    { name: "5x-adaptive-cold", rule: words.cold, fault: "5x", settings: cold, grid: usual, runs: 1 },
    { name: "5x-fixed", rule: words.fixed, fault: "5x", settings: fixed, grid: usual, runs: 1 },
    { name: "5x-fixed-cold", rule: words.fixedCold, fault: "5x", settings: fixedCold, grid: usual, runs: 3 },
  ],
  [
    { name: "half-adaptive", rule: words.adaptive, fault: "half", settings: adaptive, grid: usual, runs: 3 },
    { name: "half-fixed", rule: words.fixed, fault: "half", settings: fixed, grid: usual, runs: 1 },
    { name: "slow-adaptive", rule: words.adaptive, fault: "slow", settings: adaptive, grid: usual, runs: 1 },
    { name: "healthy-adaptive", rule: words.adaptive, fault: "healthy", settings: adaptive, grid: usual, runs: 1 },
  ],
];
