/** One round of looking at a candidate: its health, its traffic against fixed limits, and what the sequential test says. */
import type { CanaryVerdict } from "../../domain/canary/judge.ts";
import type { CanaryPlan } from "../../domain/canary/plan.ts";
import { aggregateRound } from "../../domain/health.ts";
import { limitsInForce } from "../../domain/rollout.ts";
import { commonVersion } from "../../domain/serving.ts";
import { judgeTraffic, type UsualTraffic } from "../../domain/traffic-window.ts";
import { fail, pass, unknown, type Verdict, worst } from "../../domain/verdict.ts";
import type { Check } from "../../ports/check.ts";
import type { Instance } from "../../ports/target.ts";
import type { Look } from "../evidence.ts";
import type { Parts } from "../parts.ts";
import type { Windows } from "../reading.ts";
import type { StageContext } from "../stage.ts";
import type { RolloutIntent } from "./rollout-intent.ts";

/** @param percent what the candidate has meanwhile. */
export async function judgeRound(
  intent: RolloutIntent,
  percent: number,
  windows: Windows,
  look: Look | undefined,
  ctx: StageContext,
): Promise<Verdict> {
  return worst([
    await healthRound(intent, percent, ctx),
    judgeTraffic(windows.candidate, windows.stable, limitsOf(intent, percent), usualTraffic(intent, ctx)),
    decides(intent) && percent > 0 ? worst([verdictOf(look), provenEnough(intent, percent, look)]) : pass,
  ]);
}

function usualTraffic({ verdict, startedAtMs }: RolloutIntent, { parts }: StageContext): UsualTraffic | undefined {
  if (verdict.canary === null || !verdict.compares) return undefined;
  return { requestsPerSecond: verdict.requestsPerSecond, elapsedMs: parts.clock.now() - startedAtMs };
}

export const decides = ({ rollout }: RolloutIntent): boolean => rollout.verdict.mode === "decides";

/** What the test says, in the three values of every verdict. Only a decided "no evidence against it" counts as passed. */
function verdictOf(look: Look | undefined): Verdict {
  if (look === undefined) return pass;
  const { kind, reason, unknownMetrics, evidence } = look.verdict;
  if (kind === "rollback") return fail(reason);
  if (kind === "hold") return unknown(`held: ${reason}`);
  const advisory = new Set(evidence.perMetric.filter((metric) => metric.advisory).map(({ name }) => name));
  const [first] = unknownMetrics.filter(({ name }) => !advisory.has(name));
  return first === undefined ? pass : unknown(`${first.name}: ${first.reason}`);
}

/** "Nothing against it" after a handful of requests is no pass: it might fail half of them. */
function provenEnough(intent: RolloutIntent, percent: number, look: Look | undefined): Verdict {
  const { verdict, rollout } = intent;
  if (look === undefined || verdict.canary === null || !verdict.compares || percent === 100) return pass;
  const bound = Math.max(0, ...failureBounds(verdict.canary, look.verdict));
  if (bound <= rollout.verdict.mostExcess) return pass;
  return unknown(`it may still fail ${Math.round(100 * bound)} points more often than the stable version`);
}

/** U of what counts failures and decides: how much slower it may be does not matter here. */
export function failureBounds({ metrics }: CanaryPlan, { excessUpperBound }: CanaryVerdict): readonly number[] {
  const failures = metrics.filter(({ kind, advisory }) => !advisory && (kind === "errors" || kind === "rate"));
  return failures.flatMap(({ name }) => excessUpperBound[name] ?? []);
}

/** Without a bake there is no time to see traffic: only the health checks judge, and the plan says so. */
function limitsOf(intent: RolloutIntent, percent: number) {
  const { rollout, step, routed, verdict } = intent;
  // At 100 % without a control nothing is compared any more.
  const compares = verdict.canary !== null && verdict.compares && percent < 100;
  const limits = limitsInForce(rollout.limits, decides(intent) && compares);
  return step.bakeMs === 0 || percent === 0 || routed.length === 0 ? { ...limits, minRequests: 0 } : limits;
}

async function healthRound({ started, candidate, stable }: RolloutIntent, percent: number, ctx: StageContext) {
  // Below 100 % a public address may be answered by either version, so only the instances' own answers must name theirs.
  const servicesVersion = percent === 100 || stable === null ? commonVersion(candidate) : null;
  const checks = [...instanceChecks(ctx.parts, started.candidate), ...ctx.parts.checks.services(servicesVersion)];
  const results = await Promise.all(checks.map((check) => check.probe(ctx.signal)));
  for (const { name, verdict, detail, tookMs } of results) {
    await ctx.log(
      "health-check.log",
      `${verdict.kind.padEnd(7)} ${name.padEnd(30)} ${Math.round(tookMs)} ms  ${detail}`,
    );
  }
  return aggregateRound(results.map((result, at) => ({ result, critical: checks[at]?.critical ?? true }))).verdict;
}

/** Each instance must name the version it was started as: after a rollback of one component they differ (X4). */
export const instanceChecks = ({ checks }: Parts, instances: readonly Instance[]): readonly Check[] =>
  instances.flatMap((instance) => checks.instances([instance], instance.version));
