/** One step of a journey: its shape, what is checked of it at load, the request it makes, what it saves. */
import { jsonAt } from "../../domain/json-path.ts";
import type { Secret } from "../../domain/secret.ts";
import { type CookieJar, cookieHeader } from "./cookie-jar.ts";
import { type Expectation, type Judge, judging, parsedJson, pathOf, type Scalar } from "./expectation.ts";
import type { HttpAnswer, HttpRequest } from "./http-client.ts";
import { invalid } from "./http-url.ts";
import {
  filled,
  filledJson,
  filledPath,
  type JsonTemplate,
  secretsIn,
  type Variables,
  variablesIn,
} from "./journey-template.ts";

export interface JourneyStep {
  readonly name: string;
  /** Default GET, with a body POST. */
  readonly method?: string;
  /** On the journey's base URL; `{{variable}}` inside. A path that is one variable may be a full address on the same origin. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  /** One of the two at most. */
  readonly json?: JsonTemplate;
  readonly form?: Readonly<Record<string, string | Secret>>;
  readonly expect: Expectation;
  /** Variable → JSON path in the body, or `header:<name>`. */
  readonly save?: Readonly<Record<string, string>>;
}

export interface PreparedStep {
  readonly step: JourneyStep;
  readonly judge: Judge;
  readonly secrets: readonly Secret[];
  /** The values to carry on; a missing one is a fault. */
  readonly saved: (answer: HttpAnswer) => ReadonlyMap<string, Scalar | undefined>;
}

/** Throws CONFIG_INVALID for a path that is none, and for a variable that nothing before has saved. */
export function preparedSteps(
  journey: string,
  steps: readonly JourneyStep[],
  given: readonly string[],
): readonly PreparedStep[] {
  if (steps.length === 0) throw invalid(journey, "it has no steps", "Add a step");
  const known = new Set(given);
  return steps.map((step) => {
    const { path, headers = {}, json = null, form = {} } = step;
    const where = `${journey}, step "${step.name}"`;
    if (step.json !== undefined && step.form !== undefined)
      throw invalid(where, "it has json and form", "Keep one of them");
    const parts: JsonTemplate = [path, headers, json, form];
    const missing = variablesIn(parts).find((name) => !known.has(name));
    if (missing) throw invalid(where, `no earlier step saves {{${missing}}}`, "Save it in an earlier step");
    const readers = Object.entries(step.save ?? {}).map(([name, from]) => [name, reading(where, from)] as const);
    for (const [name] of readers) known.add(name);
    return {
      step,
      judge: judging(where, step.expect),
      secrets: secretsIn(parts),
      saved: (answer) => new Map(readers.map(([name, read]) => [name, read(answer)])),
    };
  });
}

function reading(where: string, from: string): (answer: HttpAnswer) => Scalar | undefined {
  if (from.startsWith("header:")) {
    const header = from.slice("header:".length).trim().toLowerCase();
    return (answer) => answer.headers[header];
  }
  const path = pathOf(where, from);
  return (answer) => {
    const value = jsonAt(parsedJson(answer.body), path);
    return typeof value === "object" ? undefined : value;
  };
}

/** Undefined where the filled path leaves the journey's origin: what an answer said must not choose whom we ask next. */
export function requestOf(
  { method, path, headers = {}, json, form }: JourneyStep,
  baseUrl: URL,
  variables: Variables,
  jar: CookieJar,
): Omit<HttpRequest, "timeoutMs"> | undefined {
  const text = filledPath(path, variables);
  const url = URL.canParse(text, baseUrl.href) ? new URL(text, baseUrl) : undefined;
  if (url?.origin !== baseUrl.origin) return undefined;
  const sent = bodyOf(json, form, variables);
  const own = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    typeof value === "string" ? filled(value, variables) : value,
  ]);
  const cookie = jar.size > 0 ? { cookie: cookieHeader(jar) } : {};
  const type = sent === undefined ? {} : { "content-type": sent.type };
  return {
    url,
    method: (method ?? (sent === undefined ? "GET" : "POST")).toUpperCase(),
    headers: { ...cookie, ...type, ...Object.fromEntries(own) },
    ...(sent === undefined ? {} : { body: sent.body }),
  };
}

function bodyOf(json: JourneyStep["json"], form: JourneyStep["form"], variables: Variables) {
  if (json !== undefined) return { type: "application/json", body: JSON.stringify(filledJson(json, variables)) };
  if (form === undefined) return undefined;
  const fields = Object.entries(form).map(([name, value]): [string, string] => [
    name,
    typeof value === "string" ? filled(value, variables) : value.reveal(),
  ]);
  return { type: "application/x-www-form-urlencoded", body: new URLSearchParams(fields).toString() };
}
