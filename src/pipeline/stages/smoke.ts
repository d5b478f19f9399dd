/** H4–H7: the environment's smoke suite through the router, as clients come, after the last weight and before the watch. */
import { SluiceError } from "../../domain/errors.ts";
import { aggregateRound } from "../../domain/health.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import { deadlineIn } from "../../ports/deadline.ts";
import type { Stage, StageContext } from "../stage.ts";

interface SmokeIntent {
  /** What whoever answers must name; null: versions are mixed, or either may answer. */
  readonly version: string | null;
  readonly suite: string;
  readonly timeoutMs: number;
}

export const smoke: Stage<SmokeIntent, SmokeIntent, readonly CheckResult[]> = {
  name: "smoke",
  touches: "nothing",
  plan: ({ settings }) => {
    const count = settings.smoke.checks.length + settings.smoke.journeys.length + settings.health.length;
    return count === 0
      ? []
      : [
          `${settings.smoke.suite} suite: ${settings.health.length} health checks, ${settings.smoke.checks.length} checks, ${settings.smoke.journeys.length} journeys`,
        ];
  },
  expectedMs: () => 5_000,
  prepare: (intent) => intent,
  async run({ version, timeoutMs }, ctx) {
    const { results, verdict } = await runSmoke(ctx, version, timeoutMs);
    if (verdict.kind === "pass") return results;
    throw new SluiceError({
      code: "SMOKE_FAILED",
      remedy: "operator",
      at: "stages.smoke",
      message: verdict.reason,
      hint: `Each result with its time is in smoke.log: sluice logs ${ctx.deploymentId} --file smoke.log`,
    });
  },
  summary: (results) =>
    results.length === 0 ? "no smoke checks declared" : `${results.length} of ${results.length} passed`,
};

/** All at once; what is still running at the deadline is unknown, and unknown does not pass. */
export async function runSmoke(ctx: StageContext, version: string | null, timeoutMs: number, file = "smoke.log") {
  const checks = [...ctx.parts.checks.services(version), ...ctx.parts.checks.smoke(version)];
  const results = await probeAll(checks, timeoutMs, ctx);
  for (const { name, verdict, detail, tookMs } of results) {
    await ctx.log(file, `${verdict.kind.padEnd(7)} ${name.padEnd(30)} ${Math.round(tookMs)} ms  ${detail}`);
  }
  const critical = checks.map((check) => check.critical);
  const round = aggregateRound(results.map((result, at) => ({ result, critical: critical[at] ?? true })));
  const nothingDeclared = checks.length === 0;
  return { results, verdict: nothingDeclared ? ({ kind: "pass" } as const) : round.verdict };
}

async function probeAll(
  checks: readonly Check[],
  timeoutMs: number,
  ctx: StageContext,
): Promise<readonly CheckResult[]> {
  await using limit = deadlineIn(timeoutMs, ctx.parts.clock, { signal: ctx.signal });
  return await Promise.all(checks.map((check) => probe(check, limit.signal, ctx)));
}

/** The deadline holds, and a cancel is heard, also where a check does not listen to its signal. Asking changes nothing, so it is left behind. */
const abortOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

async function probe(check: Check, signal: AbortSignal, ctx: StageContext): Promise<CheckResult> {
  try {
    return await Promise.race([check.probe(signal), abortOf(signal)]);
  } catch (thrown) {
    ctx.signal.throwIfAborted();
    if (!signal.aborted) throw thrown;
    return {
      name: check.name,
      verdict: { kind: "unknown", reason: "no answer before the suite's deadline" },
      tookMs: 0,
      detail: "no answer before the suite's deadline",
    };
  }
}
