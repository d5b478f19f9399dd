/**
 * From what the schema found to what a person reads. The schema knows the rule that was broken; here it meets what was
 * written, so that a message can say `1.10 is read as the number 1.1 → quote it: "1.10"`.
 */
import type { z } from "zod";
import type { Finding, ParsedFile } from "./document.ts";
import type { Path } from "./faults.ts";
import { shown } from "./schema-values.ts";
import { didYouMean, nearest } from "./suggestion.ts";

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Passed to the schema: an unknown key must be told with the known ones beside it, and only the raw issue knows them. */
export function withKnownKeys(issue: RawIssue): string | undefined {
  if (issue.code !== "unrecognized_keys") return undefined;
  const shape = (issue.inst as z.ZodObject | undefined)?._zod?.def?.shape ?? {};
  return JSON.stringify(Object.fromEntries(Object.entries(shape).map(([name, inner]) => [name, keysOf(inner)])));
}

/** The keys of a nested section, through `optional` and `default`. */
function keysOf(schema: unknown): readonly string[] {
  const def = (schema as { _zod?: { def?: { shape?: object; innerType?: unknown } } } | undefined)?._zod?.def;
  if (def?.shape) return Object.keys(def.shape);
  return def?.innerType ? keysOf(def.innerType) : [];
}

export function findingsOf(issues: readonly Issue[], written: ParsedFile, above: Path = []): readonly Finding[] {
  return issues.flatMap((issue) => findingOf(issue, written, [...above, ...(issue.path as (string | number)[])]));
}

function findingOf(issue: Issue, written: ParsedFile, path: Path): readonly Finding[] {
  const said = saidBySchema(issue);
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownKeys(issue.keys, issue.message, path);
    case "invalid_key":
      return [
        {
          path,
          at: "key",
          ...(saidBySchema(issue.issues[0]) ?? { what: "the key is not allowed", fix: "name it otherwise" }),
        },
      ];
    case "invalid_union":
      return unionFindings(issue, written, path);
    default:
      return [{ path, at: "value", ...(said ?? words(issue, written, path)) }];
  }
}

type Words = Pick<Finding, "what" | "fix">;

/** The schema's own words, where it has some: `what`, a line break, `fix`. */
function saidBySchema(issue: { readonly message: string } | undefined): Words | undefined {
  const [what, fix] = issue?.message.split("\n") ?? [];
  return what === undefined || fix === undefined ? undefined : { what, fix };
}

/** Known keys at the place of the unknown one, each with those inside it. */
type KnownKeys = Readonly<Record<string, readonly string[]>>;

function keyFix(name: string, known: KnownKeys): string {
  const inside = Object.entries(known).find(([, keys]) => keys.includes(name));
  if (nearest(name, Object.keys(known)) === undefined && inside) {
    return `it belongs under ${inside[0]}: ${inside[0]}.${name}`;
  }
  return didYouMean(name, Object.keys(known));
}

function unknownKeys(names: readonly string[], message: string, path: Path): readonly Finding[] {
  const known = JSON.parse(message) as KnownKeys;
  return names.map((name) => ({
    path: [...path, name],
    at: "key",
    what: `unknown key ${shown(name)}`,
    fix: keyFix(name, known),
  }));
}

type UnionIssue = Extract<Issue, { code: "invalid_union" }>;

/** Of several ways to write a value, the one that was meant is the one whose type is right. */
function unionFindings(issue: UnionIssue, written: ParsedFile, path: Path): readonly Finding[] {
  const discriminated = issue as UnionIssue & { readonly options?: readonly unknown[] };
  if (discriminated.options) return [{ path, at: "value", ...choiceWords(discriminated.options, written, path) }];
  const meant = issue.errors.find((branch) =>
    branch.every((inner) => !(inner.path.length === 0 && inner.code === "invalid_type")),
  );
  const notALiteral = meant?.every((inner) => inner.code !== "invalid_value");
  if (meant && notALiteral) return findingsOf(meant, written, path);
  const said = saidBySchema(issue) ?? saidBySchema(issue.errors.flat()[0]);
  const first = issue.errors[0]?.[0];
  return [
    {
      path,
      at: "value",
      ...(said ?? (first ? words(first, written, path) : { what: issue.message, fix: "see the reference" })),
    },
  ];
}

function words(issue: Issue, written: ParsedFile, path: Path): Words {
  const value = valueAt(written.data, path);
  if (value === undefined) return { what: `${shownKey(path)} is missing`, fix: missingFix(issue, path) };
  if (value === null) return { what: "nothing is written after the colon", fix: "write a value, or remove the key" };
  switch (issue.code) {
    case "invalid_type":
      return typeWords(String(issue.expected), value, shownValue(value, written, path));
    case "invalid_value":
      return choiceWords(issue.values, written, path);
    case "too_small":
      return boundWords(value, Number(issue.minimum), issue.inclusive === false ? "more than" : "at least");
    case "too_big":
      return boundWords(value, Number(issue.maximum), issue.inclusive === false ? "less than" : "at most");
    default:
      return { what: issue.message, fix: "correct the value" };
  }
}

const shownKey = (path: Path): string => JSON.stringify(path.at(-1) ?? "the value");

function missingFix(issue: Issue, path: Path): string {
  const example = issue.code === "invalid_value" && issue.values.length === 1 ? ` ${String(issue.values[0])}` : " …";
  return `add ${String(path.at(-1))}:${example}`;
}

function boundWords(value: unknown, bound: number, relation: string): Words {
  if (typeof value === "number") return { what: `${value} is out of range`, fix: `write ${relation} ${bound}` };
  const length = typeof value === "string" || Array.isArray(value) ? value.length : 0;
  const unit = typeof value === "string" ? "character" : "entry";
  if (length === 0)
    return {
      what: typeof value === "string" ? "the text is empty" : "the list is empty",
      fix: `write ${relation} one ${unit}`,
    };
  return { what: `it has ${length} ${unit === "entry" ? "entries" : "characters"}`, fix: `write ${relation} ${bound}` };
}

const nouns: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping of keys to values",
  record: "a mapping of keys to values",
};

function typeWords(expected: string, value: unknown, text: string): Words {
  const noun = nouns[expected] ?? expected;
  return trapWords(expected, value, text) ?? { what: `expected ${noun}, found ${text}`, fix: `write ${noun}` };
}

/** The slips that YAML invites, each with the one thing to write instead. */
function trapWords(expected: string, value: unknown, text: string): Words | undefined {
  if (expected === "string") return unquotedWords(value, text);
  if (expected === "int" && typeof value === "number") {
    return { what: `${value} is no whole number`, fix: `write ${Math.round(value)}` };
  }
  if (typeof value !== "string") return undefined;
  if (expected === "boolean") return { what: `${text} is text in YAML 1.2`, fix: `write ${truth(value)}` };
  if (expected === "array") return { what: `expected a list, found the text ${text}`, fix: `write [${text}]` };
  const quoted = (expected === "number" || expected === "int") && value.trim() !== "" && Number.isFinite(Number(value));
  return quoted ? { what: `${text} is text because of the quotes`, fix: `write ${Number(value)}` } : undefined;
}

function unquotedWords(value: unknown, text: string): Words | undefined {
  if (typeof value !== "number" && typeof value !== "boolean") return undefined;
  if (text === hidden) return { what: `${text} is no text`, fix: "quote it" };
  const read = typeof value === "number" ? `the number ${value}` : `the truth value ${value}`;
  const what = text === String(value) ? `${text} is no text` : `${text} is read as ${read}`;
  return { what, fix: `quote it: ${JSON.stringify(text)}` };
}

function truth(text: string): string {
  if (/^(yes|on|y|true)$/i.test(text)) return "true";
  return /^(no|off|n|false)$/i.test(text) ? "false" : "true or false";
}

function choiceWords(values: readonly unknown[], written: ParsedFile, path: Path): Words {
  const value = valueAt(written.data, path);
  // A kind that may be left out stands among its values as undefined.
  const options = values.filter((option) => option !== undefined).map(String);
  if (value === undefined)
    return { what: `${shownKey(path)} is missing`, fix: `add ${String(path.at(-1))}: ${options.join(" | ")}` };
  if (value === null) return { what: "nothing is written after the colon", fix: `write one of: ${options.join(", ")}` };
  const text = shownValue(value, written, path);
  if (value === false && options.includes("off")) return { what: `${text} is a truth value`, fix: "write off" };
  if (value === true && options.includes("block"))
    return { what: `${text} is a truth value`, fix: "write warn or block" };
  return {
    what: `${text} is not allowed here`,
    fix: typeof value === "string" ? didYouMean(value, options) : `use one of: ${options.join(", ")}`,
  };
}

export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    const inside = value !== null && typeof value === "object" && Object.hasOwn(value, part);
    return inside ? (value as Record<string | number, unknown>)[part] : undefined;
  }, data);
}

const places = /^(secrets|environment|variables|headers|json|signingSecret)$/;
const hidden = "what is written there";
const telling = /pass|secret|token|key|pin|credential|auth/i;

/** What was written, unless it may be a secret that somebody put where none belongs. */
function shownValue(value: unknown, written: ParsedFile, path: Path): string {
  if (Array.isArray(value)) return "a list";
  if (value !== null && typeof value === "object") return "a mapping";
  const mayBeSecret = path.some((part) => places.test(String(part))) && telling.test(String(path.at(-1)));
  if (mayBeSecret) return hidden;
  const source = written.sourceText(path);
  return typeof value === "string" ? shown(value) : shown(source ?? value).replaceAll(/^"|"$/g, "");
}
