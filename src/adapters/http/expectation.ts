/** What an answer must be: its status, a text in its body, values in its JSON. Shared by health checks and journeys. */
import type { Json } from "../../domain/json.ts";
import { type JsonPath, jsonAt, parseJsonPath } from "../../domain/json-path.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { HttpAnswer } from "./http-client.ts";
import { invalid } from "./http-url.ts";

export type Scalar = string | number | boolean | null;

export interface Expectation {
  readonly status: number;
  readonly contains?: string;
  /** JSON path → the value that must be there. */
  readonly json?: Readonly<Record<string, Scalar>>;
}

export interface Judgement {
  /** Why the answer is not the expected one; undefined where it is. */
  readonly fault?: string;
  /** The values that were looked at, e.g. `version v1.2.0`. */
  readonly seen: readonly string[];
}

/** `redact` is applied to whatever the answer's sender wrote before any of it is shown. The body is not shown: callers add it. */
export type Judge = (answer: HttpAnswer, redact?: (text: string) => string) => Judgement;

/** Throws CONFIG_INVALID for a path that is none. */
export function judging(name: string, expected: Expectation): Judge {
  const values = Object.entries(expected.json ?? {}).map(([text, value]) => ({
    text,
    value,
    path: pathOf(name, text),
  }));

  const valueFaults = (answer: HttpAnswer, show: (text: string) => string): readonly string[] => {
    const document = parsedJson(answer.body);
    if (document === undefined) return [`the body is not JSON${encodingNote(answer)}`];
    return values.flatMap(({ text, path, value }) => valueFault(text, jsonAt(document, path), value, show));
  };

  return (answer, redact) => {
    const show = (text: string): string => excerpt(text, 100, redact);
    if (answer.status !== expected.status) return { fault: statusFault(answer, expected.status, show), seen: [] };
    if (expected.contains !== undefined && !answer.body.includes(expected.contains)) {
      return { fault: `the body does not contain "${show(expected.contains)}"${encodingNote(answer)}`, seen: [] };
    }
    const faults = values.length === 0 ? [] : valueFaults(answer, show);
    if (faults.length > 0) return { fault: faults.join("; "), seen: [] };
    return { seen: values.map(({ text, value }) => `${text} ${value}`) };
  };
}

export function pathOf(name: string, text: string): JsonPath {
  const path = parseJsonPath(text);
  if (path === undefined) throw invalid(name, `"${text}" is not a JSON path such as a.b[0].c`, "Correct the path");
  return path;
}

export function parsedJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function statusFault({ status, headers }: HttpAnswer, expected: number, show: (text: string) => string): string {
  const to = headers.location === undefined ? "" : ` to ${show(headers.location)}`;
  return `answered ${status}${to}, expected ${expected}`;
}

function valueFault(
  path: string,
  actual: Json | undefined,
  expected: Scalar,
  show: (text: string) => string,
): readonly string[] {
  if (actual === expected) return [];
  if (actual === undefined) return [`the body has no ${path}, expected ${shownScalar(expected)}`];
  const sameText = String(actual) === String(expected);
  const shown = typeof actual === "string" && !sameText ? actual : JSON.stringify(actual);
  return [`${path} is ${show(shown)}, expected ${sameText ? JSON.stringify(expected) : shownScalar(expected)}`];
}

const shownScalar = (value: Scalar): string => String(value);

const encodingNote = ({ headers }: HttpAnswer): string =>
  ["", "identity"].includes(headers["content-encoding"] ?? "")
    ? ""
    : " (it came compressed although that was not asked for)";
