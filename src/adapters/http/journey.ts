/**
 * H6: what a user does, step by step: sign in, create something, pay. Values and cookies are carried from step to step. The
 * result names the step that failed, its status and the beginning of the body; what the journey itself saved or sent in
 * secret is taken out of it.
 */
import { redactor } from "../../domain/redactor.ts";
import { Secret } from "../../domain/secret.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import { fail, pass, type Verdict } from "../../domain/verdict.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import { type CookieJar, withCookies } from "./cookie-jar.ts";
import type { Scalar } from "./expectation.ts";
import { clientOf, defaultTimeoutMs, type HttpCheckOptions, inMs, resultOf, verdictOfSilence } from "./http-check.ts";
import type { HttpAnswer } from "./http-client.ts";
import { httpUrl } from "./http-url.ts";
import { type JourneyStep, type PreparedStep, preparedSteps, requestOf } from "./journey-step.ts";

export interface JourneyOptions extends HttpCheckOptions {
  /** Step paths are resolved against it; no step leaves its origin. Redirects are answers, not followed. */
  readonly baseUrl: string;
  readonly steps: readonly JourneyStep[];
  /** Known before the first step, e.g. a name that no other run uses. */
  readonly variables?: Readonly<Record<string, Scalar>>;
  /** For all steps. Default 60 s. */
  readonly overallMs?: number;
}

/** What is carried from step to step. */
interface Luggage {
  readonly variables: ReadonlyMap<string, Scalar>;
  readonly jar: CookieJar;
}

/** The luggage for the next step, or why there is none. */
type Walked = Luggage | Verdict;

export function journeyCheck(options: JourneyOptions): Check {
  const { name, critical, clock, variables = {}, overallMs = 60_000 } = options;
  const baseUrl = httpUrl(options.baseUrl, name);
  const steps = preparedSteps(name, options.steps, Object.keys(variables));
  const walk = walking(
    options,
    baseUrl,
    new Map(steps.map((step, at) => [step, `step "${step.step.name}" (${at + 1} of ${steps.length})`])),
  );

  async function probe(signal: AbortSignal): Promise<CheckResult> {
    const startedAtMs = clock.now();
    const took = (): number => clock.now() - startedAtMs;
    let luggage: Luggage = { variables: new Map(Object.entries(variables)), jar: new Map() };
    for (const step of steps) {
      const walked = await walk(step, luggage, overallMs - took(), signal);
      if ("kind" in walked) return resultOf(name, { verdict: walked, tookMs: took(), seen: "" });
      luggage = walked;
    }
    return resultOf(name, { verdict: pass, tookMs: took(), seen: `${steps.length} steps in ${inMs(took())}` });
  }
  return { name, critical, probe };
}

function walking(options: JourneyOptions, baseUrl: URL, places: ReadonlyMap<PreparedStep, string>) {
  const { clock, timeoutMs = defaultTimeoutMs } = options;
  const client = clientOf(options);
  const secrets = [...places.keys()].flatMap((prepared) => prepared.secrets);

  return async (prepared: PreparedStep, before: Luggage, leftMs: number, signal: AbortSignal): Promise<Walked> => {
    const place = places.get(prepared) ?? prepared.step.name;
    if (leftMs <= 0) return fail(`${place}: not reached within the journey's time`);
    const request = requestOf(prepared.step, baseUrl, before.variables, before.jar);
    if (request === undefined) return fail(`${place}: its path leads away from ${baseUrl.origin}`);
    const asked = `${place}: ${request.method} ${prepared.step.path}`;
    const answer = await client.ask({ ...request, timeoutMs: Math.min(timeoutMs, leftMs) }, signal);
    if (answer.kind === "no-answer") return explained(verdictOfSilence(answer), asked);
    const found = prepared.saved(answer);
    const after = packed(before, found, answer, clock.now());
    // Made only where something is shown: a passing step shows nothing.
    const clean = (text: string): string => redactor([...secrets, ...valuesIn(before), ...valuesIn(after)]).text(text);
    const reason = faultOf(prepared, answer, found, (text) => clean(options.redact?.(text) ?? text));
    return reason === undefined ? after : fail(`${asked} ${reason}`);
  };
}

const explained = (verdict: Verdict, asked: string): Verdict =>
  verdict.kind === "pass" ? verdict : { kind: verdict.kind, reason: `${asked}: ${verdict.reason}` };

type Found = ReturnType<PreparedStep["saved"]>;

/** Also made of an answer that is not the expected one: a token in it must be taken out of the detail. */
function packed({ variables, jar }: Luggage, found: Found, { setCookies }: HttpAnswer, nowMs: number): Luggage {
  const present = [...found].filter((entry): entry is [string, Scalar] => entry[1] !== undefined);
  return { variables: new Map([...variables, ...present]), jar: withCookies(jar, setCookies, nowMs) };
}

function faultOf(
  { step, judge }: PreparedStep,
  answer: HttpAnswer,
  found: Found,
  redact: (text: string) => string,
): string | undefined {
  const { fault } = judge(answer, redact);
  const missing = [...found].filter(([, value]) => value === undefined);
  if (fault === undefined && missing.length === 0) return undefined;
  // An unexpected answer rarely has what is to be saved; saying so as well would only hide the reason.
  const what = fault ?? missing.map(([name]) => `no ${step.save?.[name]} to save as ${name}`).join("; ");
  const body = excerpt(answer.body, 200, redact);
  const status = answer.status === step.expect.status ? `answered ${answer.status}, but ` : "";
  return `${status}${what}${body === "" ? "" : `: ${body}`}`;
}

/** Tokens and sessions are secrets as well; a short saved value (an id, a flag) is not, and helps to read the detail. */
const valuesIn = ({ variables, jar }: Luggage): readonly Secret[] =>
  [...variables, ...jar]
    .filter(([, value]) => String(value).length >= 8)
    .map(([name, value]) => new Secret(name, String(value)));
