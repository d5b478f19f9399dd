/** The part of an environment's settings that watches: health, smoke, rollout limits, observation. */
import type {
  HealthCheckSettings,
  JourneySettings,
  ObservationSettings,
  RolloutSettings,
  SmokeCheckSettings,
  TrafficLimits,
} from "../domain/settings.ts";
import type { VerdictSettings } from "../domain/verdict-settings.ts";
import type { CompleteEnvironment } from "./schema.ts";

type Health = CompleteEnvironment["health"][number];
type Smoke = CompleteEnvironment["smoke"];
type SmokeCheck = Smoke["checks"][number];
type Url = string | undefined;

/** `{url}` is known here; `{version}` is not and stays. Without a url of the environment rules.ts refuses `{url}`. */
const placed = (address: string, url: Url): string => address.replace("{url}", (url ?? "").replace(/\/+$/, ""));

export function healthSettings(check: Health, url: Url): HealthCheckSettings {
  return {
    name: check.name,
    url: placed(check.url, url),
    status: check.status,
    body: check.body,
    contains: check.contains ?? null,
    retries: check.retries,
    intervalMs: check.interval,
    timeoutMs: check.timeout,
    overallMs: check.overall,
    critical: check.critical,
  };
}

export function smokeSettings(smoke: Smoke, url: Url) {
  return {
    suite: smoke.suite,
    timeoutMs: smoke.timeout,
    maxResponseMs: smoke.maxResponse,
    checks: smoke.checks.map((check) => smokeCheckSettings(check, url)),
    journeys: smoke.journeys.map((journey) => journeySettings(journey, url)),
  };
}

function smokeCheckSettings(check: SmokeCheck, url: Url): SmokeCheckSettings {
  switch (check.kind) {
    case "http":
      return { kind: check.kind, name: check.name, suite: check.suite, check: healthSettings(check, url) };
    case "tcp":
      return check;
    case "response-time": {
      const { max, ...same } = check;
      return { ...same, url: placed(check.url, url), maxMs: max };
    }
    default:
      return { ...check, url: placed(check.url, url) };
  }
}

function journeySettings(journey: Smoke["journeys"][number], url: Url): JourneySettings {
  return {
    name: journey.name,
    baseUrl: placed(journey.baseUrl, url),
    critical: journey.critical,
    suite: journey.suite,
    steps: journey.steps.map((step) => ({
      name: step.name,
      method: step.method,
      path: step.path,
      headers: step.headers,
      json: step.json ?? null,
      expect: { status: step.expect.status, json: step.expect.json, contains: step.expect.contains ?? null },
      save: step.save,
    })),
  };
}

function limitSettings(limits: CompleteEnvironment["rollout"]["limits"]): TrafficLimits {
  const { meanLatency, p95Latency, p99Latency, ...same } = limits;
  return { ...same, meanLatencyMs: meanLatency, p95LatencyMs: p95Latency, p99LatencyMs: p99Latency };
}

function verdictSettings(verdict: CompleteEnvironment["rollout"]["verdict"]): VerdictSettings {
  const { bucket, grace, warmUp, horizon, dispersion, weights, ...same } = verdict;
  return {
    ...same,
    bucketMs: bucket,
    graceMs: grace,
    warmUpMs: warmUp,
    horizonMs: horizon,
    dispersion: dispersion === "measured" ? null : dispersion,
    weights: weights ?? null,
  };
}

export function rolloutSettings(rollout: CompleteEnvironment["rollout"]): RolloutSettings {
  return {
    strategy: rollout.strategy,
    steps: rollout.steps.map(({ percent, bake, promote }) => ({
      percent,
      bakeMs: bake,
      ...(promote === "by-hand" && { promote }),
    })),
    verdict: verdictSettings(rollout.verdict),
    adaptive: {
      budget: rollout.adaptive.budget,
      reactionMs: rollout.adaptive.reaction,
      minSoakMs: rollout.adaptive.minSoak,
      maxSoakMs: rollout.adaptive.maxSoak,
    },
    earlyPromotion: rollout.earlyPromotion,
    controlPercent: rollout.control,
    promoteWithinMs: rollout.promoteWithin,
    settleMs: rollout.settle,
    checkEveryMs: rollout.checkEvery,
    failureLimit: rollout.failureLimit,
    drainTimeoutMs: rollout.drainTimeout,
    limits: limitSettings(rollout.limits),
    unknownForMs: rollout.unknownFor,
    onUnknown: rollout.onUnknown,
    unattendedMs: rollout.unattended,
    keepStableMs: rollout.keepStable,
  };
}

export function observationSettings(observation: CompleteEnvironment["observation"]): ObservationSettings {
  return {
    durationMs: observation.duration,
    everyMs: observation.every,
    failureLimit: observation.failureLimit,
    minSuccessRatio: observation.minSuccessRatio,
    minProbes: observation.minProbes,
    limits: limitSettings(observation.limits),
    action: observation.action,
    extendedMs: observation.extended,
  };
}
