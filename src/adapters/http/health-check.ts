/**
 * H1: a service's health address answers with the expected status and body. Tried again while it does not, within an overall
 * limit. An answer of another version is a failure that names both: healthy is not the same as deployed.
 */
import { excerpt } from "../../domain/untrusted-text.ts";
import { fail, pass } from "../../domain/verdict.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import { type Expectation, judging } from "./expectation.ts";
import {
  clientOf,
  defaultTimeoutMs,
  type HttpCheckOptions,
  inMs,
  resultOf,
  tryByHand,
  verdictOfSilence,
} from "./http-check.ts";
import type { HttpAnswer, HttpRequest } from "./http-client.ts";
import { httpUrl } from "./http-url.ts";

export interface HealthCheckOptions extends HttpCheckOptions {
  readonly url: string;
  readonly expectStatus: number;
  /** `json`: path → value, e.g. `{ version: "v1.2.0" }`. */
  readonly expectBody?: Omit<Expectation, "status">;
  readonly headers?: HttpRequest["headers"];
  /** Further tries after the first. */
  readonly retries: number;
  /** Between two tries. */
  readonly intervalMs: number;
  /** For all tries together. */
  readonly overallMs: number;
  /** A slower answer fails. */
  readonly maxResponseMs?: number;
  /** Default 0: being sent to a sign-in page that answers 200 is not health. */
  readonly maxRedirects?: number;
}

export function httpHealthCheck(options: HealthCheckOptions): Check {
  const { name, critical, clock, retries, intervalMs, overallMs } = options;
  const askOnce = asking(options);

  async function probe(signal: AbortSignal): Promise<CheckResult> {
    const endsAtMs = clock.now() + overallMs;
    for (let attempt = 1; ; attempt++) {
      const result = await askOnce(endsAtMs - clock.now(), signal);
      const over = clock.now() + intervalMs >= endsAtMs;
      if (result.verdict.kind === "pass" || over || attempt > retries)
        return withNote(result, noteOn(attempt, options));
      await clock.sleep(intervalMs, signal);
    }
  }
  return { name, critical, probe };
}

/** Why there was no further try. */
function noteOn(attempt: number, { retries, overallMs }: HealthCheckOptions): string {
  if (attempt <= retries) return ` (try ${attempt} of ${retries + 1}, given up at the limit of ${inMs(overallMs)})`;
  return attempt === 1 ? "" : ` (last of ${attempt} tries)`;
}

function asking(options: HealthCheckOptions) {
  const { name, headers, maxRedirects, timeoutMs = defaultTimeoutMs } = options;
  const url = httpUrl(options.url, name);
  const client = clientOf(options);
  const judge = judging(name, { status: options.expectStatus, ...options.expectBody });
  const request = { url, ...(headers ? { headers } : {}), ...(maxRedirects ? { maxRedirects } : {}) };
  const hint = tryByHand(url);

  return async (leftMs: number, signal: AbortSignal): Promise<CheckResult> => {
    const overallMs = Math.max(1, leftMs);
    const answer = await client.ask({ ...request, timeoutMs: Math.min(timeoutMs, overallMs), overallMs }, signal);
    const { tookMs } = answer;
    if (answer.kind === "no-answer") {
      return resultOf(name, { verdict: verdictOfSilence(answer), tookMs, seen: "", hint });
    }
    const { fault, seen } = judge(answer, options.redact);
    const reason = fault === undefined ? slowness(tookMs, options) : withBody(fault, answer, options);
    const verdict = reason === undefined ? pass : fail(reason);
    return resultOf(name, { verdict, tookMs, seen: [`${answer.status} in ${inMs(tookMs)}`, ...seen].join(", "), hint });
  };
}

function slowness(tookMs: number, { maxResponseMs }: HealthCheckOptions): string | undefined {
  if (maxResponseMs === undefined || tookMs <= maxResponseMs) return undefined;
  return `took ${inMs(tookMs)}, at most ${inMs(maxResponseMs)} allowed`;
}

/** An error page often says what is wrong. */
function withBody(fault: string, { body }: HttpAnswer, { redact }: HealthCheckOptions): string {
  const shown = excerpt(body, 100, redact);
  return shown === "" ? fault : `${fault}: ${shown}`;
}

function withNote(result: CheckResult, note: string): CheckResult {
  if (result.verdict.kind === "pass") return result;
  const reason = `${result.verdict.reason}${note}`;
  return { ...result, verdict: { kind: result.verdict.kind, reason }, detail: reason };
}
