/** H5: another origin is answered as intended; never everyone together with credentials. */
import { excerpt } from "../../domain/untrusted-text.ts";
import { fail, pass, type Verdict } from "../../domain/verdict.ts";
import type { Check } from "../../ports/check.ts";
import {
  clientOf,
  defaultTimeoutMs,
  type HttpCheckOptions,
  resultOf,
  tryByHand,
  verdictOfSilence,
} from "./http-check.ts";
import type { HttpAnswer } from "./http-client.ts";
import { httpUrl } from "./http-url.ts";

export interface CorsCheckOptions extends HttpCheckOptions {
  readonly url: string;
  /** Sent as `Origin`. */
  readonly origin: string;
  /** Exactly this `Access-Control-Allow-Origin`; null: none. Absent: one that lets the origin in (itself, or `*`). */
  readonly expectAllowOrigin?: string | null;
}

export function corsCheck(options: CorsCheckOptions): Check {
  const { name, critical, origin, timeoutMs = defaultTimeoutMs } = options;
  const url = httpUrl(options.url, name);
  const client = clientOf(options);
  return {
    name,
    critical,
    async probe(signal) {
      const answer = await client.ask({ url, timeoutMs, headers: { origin } }, signal);
      const verdict = answer.kind === "answer" ? verdictOf(answer, options) : verdictOfSilence(answer);
      return resultOf(name, {
        verdict,
        tookMs: answer.tookMs,
        seen: `${origin} is answered as intended`,
        hint: tryByHand(url),
      });
    },
  };
}

function verdictOf({ headers }: HttpAnswer, { origin, expectAllowOrigin, redact }: CorsCheckOptions): Verdict {
  const allowed = headers["access-control-allow-origin"];
  const shown = allowed === undefined ? "no origin" : excerpt(allowed, 100, redact);
  if (allowed === "*" && headers["access-control-allow-credentials"] === "true")
    return fail("allows every origin (*) together with credentials");
  if (expectAllowOrigin === null) return allowed === undefined ? pass : fail(`allows ${shown}, expected no origin`);
  const accepted = expectAllowOrigin === undefined ? [origin, "*"] : [expectAllowOrigin];
  return allowed !== undefined && accepted.includes(allowed) ? pass : fail(`allows ${shown}, expected ${accepted[0]}`);
}
