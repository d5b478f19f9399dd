/** H5: a series of answers, one after another, within a limit on the slowest or on the 95th percentile. */
import { fail, pass, type Verdict } from "../../domain/verdict.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import {
  clientOf,
  defaultTimeoutMs,
  type HttpCheckOptions,
  inMs,
  resultOf,
  tryByHand,
  verdictOfSilence,
} from "./http-check.ts";
import { httpUrl, invalid } from "./http-url.ts";

export interface ResponseTimeCheckOptions extends HttpCheckOptions {
  readonly url: string;
  readonly samples: number;
  /** For the slowest answer. */
  readonly maxMs?: number;
  /** For the 95th percentile (nearest rank). */
  readonly p95Ms?: number;
  /** Default 200: a quick error is no quick answer. */
  readonly expectStatus?: number;
}

export function responseTimeCheck(options: ResponseTimeCheckOptions): Check {
  const { name, critical, samples, expectStatus = 200, timeoutMs = defaultTimeoutMs } = options;
  const url = httpUrl(options.url, name);
  if (samples < 1) throw invalid(name, "it takes no sample", "Set samples to 1 or more");
  const client = clientOf(options);
  const hint = tryByHand(url);

  async function probe(signal: AbortSignal): Promise<CheckResult> {
    const times: number[] = [];
    while (times.length < samples) {
      const answer = await client.ask({ url, timeoutMs }, signal);
      const { tookMs } = answer;
      if (answer.kind === "no-answer")
        return resultOf(name, { verdict: verdictOfSilence(answer), tookMs, seen: "", hint });
      if (answer.status !== expectStatus) {
        return resultOf(name, {
          verdict: fail(`answered ${answer.status}, expected ${expectStatus}`),
          tookMs,
          seen: "",
          hint,
        });
      }
      times.push(tookMs);
    }
    return resultOf(name, { ...judged(times, options), tookMs: times.at(-1) ?? 0, hint });
  }
  return { name, critical, probe };
}

function judged(
  times: readonly number[],
  { maxMs, p95Ms }: ResponseTimeCheckOptions,
): { verdict: Verdict; seen: string } {
  const sorted = [...times].sort((a, b) => a - b);
  const slowest = sorted.at(-1) ?? 0;
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
  const seen = `${times.length} answers, p95 ${inMs(p95)}, slowest ${inMs(slowest)}`;
  if (p95Ms !== undefined && p95 > p95Ms) return { verdict: fail(`${seen}; p95 may be ${inMs(p95Ms)} at most`), seen };
  if (maxMs !== undefined && slowest > maxMs)
    return { verdict: fail(`${seen}; the slowest may take ${inMs(maxMs)} at most`), seen };
  return { verdict: pass, seen };
}
