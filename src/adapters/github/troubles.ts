/** What a refusal of GitHub means: wait, try again, or a person must act, and then which scope, permission or clock it is about. */
import { SluiceError } from "../../domain/errors.ts";
import { excerpt } from "../../domain/untrusted-text.ts";

export type Trouble = { readonly trouble: true } & (
  | {
      readonly kind: "passing";
      readonly reason: string;
      /** GitHub says how long; otherwise with growing distance. */
      readonly waitMs?: number;
      /** It was refused before anything happened. */
      readonly nothingDone: boolean;
    }
  | {
      readonly kind: "refused";
      readonly error: (what: string, repository: string, aheadMs: number) => SluiceError;
    }
);

interface Surroundings {
  readonly nowMs: number;
  /** The limit that passed, in milliseconds. */
  readonly late: number | undefined;
  readonly redact: (text: string) => string;
}

interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly said: string;
}

/** What octokit throws has a status, and an answer where there was one. */
export function troubleOf(thrown: unknown, { nowMs, late, redact }: Surroundings): Trouble {
  if (thrown instanceof SluiceError) return { trouble: true, kind: "refused", error: () => thrown };
  const response = (thrown as { readonly response?: Partial<Refusal> }).response;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (late !== undefined) return passing(`it did not answer within ${late} ms`, false);
  if (response?.status === undefined) return withoutAnswer(thrown, message, redact);
  const refusal = { status: response.status, headers: response.headers ?? {}, said: excerpt(message, 300, redact) };
  const limit = limitOf(refusal, nowMs);
  if (limit) return limit;
  if (refusal.status >= 500) return passing(`it answered ${refusal.status}`, false);
  return { trouble: true, kind: "refused", error: (...about) => refused(refusal, ...about) };
}

const passing = (reason: string, nothingDone: boolean, waitMs?: number): Trouble => ({
  trouble: true,
  kind: "passing",
  reason,
  nothingDone,
  ...(waitMs === undefined ? {} : { waitMs }),
});

/** A private key that is none is found before anything is sent. */
function withoutAnswer(thrown: unknown, message: string, redact: (text: string) => string): Trouble {
  const sent = typeof (thrown as { readonly status?: unknown }).status === "number";
  if (sent) return passing(`it was not reached (${excerpt(message, 100, redact)})`, false);
  const said = excerpt(message, 200, redact);
  return {
    trouble: true,
    kind: "refused",
    error: (what, repository) => error(`${what} of ${repository} could not be asked: ${said}.`, keyHint),
  };
}

const keyHint =
  "The App's private key must be the whole PEM file that GitHub handed out. See what is configured: sluice validate";

/** Primary limits say when they end, secondary ones how long to wait; GitHub answers both with 403 or 429. */
function limitOf({ status, headers, said }: Refusal, nowMs: number): Trouble | undefined {
  if (status !== 403 && status !== 429) return undefined;
  if (headers["retry-after"] !== undefined) {
    return passing("it is asked too often", true, Math.max(1, Number(headers["retry-after"])) * 1000);
  }
  if (String(headers["x-ratelimit-remaining"]) === "0") {
    const untilMs = Number(headers["x-ratelimit-reset"]) * 1000;
    const until = new Date(untilMs).toISOString();
    return passing(`its rate limit is used up until ${until}`, true, Math.max(1_000, untilMs - nowMs));
  }
  return status === 429 || /secondary rate limit/i.test(said)
    ? passing("it is asked too often", true, 60_000)
    : undefined;
}

function refused(refusal: Refusal, what: string, repository: string, aheadMs: number): SluiceError {
  const { status, said } = refusal;
  const skew = clockFault(said, aheadMs);
  if (skew) return error(`GitHub refused the App's JWT: ${skew}.`, "Set this machine's clock right: timedatectl");
  const lacks = lackOf(refusal);
  if (lacks) {
    const message = `The token may not do this: ${what} of ${repository} takes ${lacks}.`;
    return error(message, "Give it to the token or the App, then: sluice check");
  }
  if (status === 404)
    return error(`GitHub knows no ${what} of ${repository}, or hides it from this token.`, nameHint, {
      status,
    });
  return error(`GitHub refused ${what} of ${repository} (${status}): ${said}`, otherHint(status));
}

const nameHint = "Compare the name, and what the token may see, then: sluice check";
const otherHint = (status: number): string =>
  status === 401
    ? "The token is wrong or has ended: renew it, then: sluice check"
    : "See what is configured: sluice validate";

function clockFault(said: string, aheadMs: number): string | undefined {
  if (!/\b(iat|exp)\b/.test(said)) return undefined;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return `this machine's clock is ${seconds} s ${aheadMs > 0 ? "behind" : "ahead of"} GitHub's`;
}

/** The scope of a classic token, or the permission of a fine-grained one or an App, as GitHub names them. */
function lackOf({ status, headers }: Refusal): string | undefined {
  const wanted = text(headers["x-accepted-github-permissions"]);
  if (status === 403 && wanted !== "") return `the permission ${wanted}`;
  const accepted = words(headers["x-accepted-oauth-scopes"]);
  const held = words(headers["x-oauth-scopes"]);
  const lacks = accepted.length > 0 && !accepted.some((scope) => held.includes(scope));
  if ((status !== 403 && status !== 404) || !lacks || headers["x-oauth-scopes"] === undefined) return undefined;
  return `the scope ${accepted.join(" or ")}; it has ${held.length === 0 ? "none" : held.join(", ")}`;
}

const text = (header: string | number | undefined): string => excerpt(String(header ?? ""), 200);
const words = (header: string | number | undefined): readonly string[] =>
  text(header)
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

export const unreachable = (what: string, repository: string, reason: string, retryAfterMs?: number): SluiceError =>
  new SluiceError({
    code: "FORGE_UNREACHABLE",
    remedy: "retry",
    at: "adapters.github",
    message: `GitHub gave no answer about ${what} of ${repository}: ${reason}.`,
    hint: "Nothing is known, which is no pass. Try again later: sluice check",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

const error = (message: string, hint: string, cause?: { readonly status: number }): SluiceError =>
  new SluiceError({ code: "FORGE_REFUSED", remedy: "operator", at: "adapters.github", message, hint, cause });
