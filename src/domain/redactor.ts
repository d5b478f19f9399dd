/**
 * The one redactor: replaces every form of every secret by `[NAME]`, in a text, in JSON and in a stream that may be cut
 * anywhere. A stream holds back at most the longest form less one character, and gives exactly what `text` gives for the
 * whole. Bytes are decoded by the caller (`TextDecoder` with `stream: true`).
 *
 * Where forms overlap, the union is replaced, so that nothing of the second stays behind the first; a secret inside
 * another (a password in a URL) shows the outer name only.
 */
import type { Json } from "./json.ts";
import type { Secret } from "./secret.ts";
import { type Found, type SecretSearch, secretSearch } from "./secret-search.ts";

export { stripControl } from "./untrusted-text.ts";

export interface RedactionStream {
  /** What is certain by now. */
  push(chunk: string): string;
  /** The rest. */
  end(): string;
}

export interface Redactor {
  text(text: string): string;
  /** Strings, keys, and numbers that spell a secret. */
  json(value: Json): Json;
  stream(): RedactionStream;
}

export function redactor(secrets: readonly Secret[]): Redactor {
  const search = secretSearch(secrets);
  if (!search)
    return { text: (text) => text, json: (value) => value, stream: () => ({ push: (chunk) => chunk, end: () => "" }) };
  const text = (whole: string): string => {
    // Nearly every text has no secret in it.
    if (search.next(whole, 0, whole.length) === undefined) return whole;
    const stream = redacting(search);
    return stream.push(whole) + stream.end();
  };
  return { text, json: (value) => jsonRedacted(value, text), stream: () => redacting(search) };
}

/** Between two chunks: the last character let go (whole words look at it), the undecided rest, and how much of it is covered. */
function redacting(search: SecretSearch): RedactionStream {
  let before = "";
  let rest = "";
  let covered: Covered = { to: 0, by: "" };

  const advance = (chunk: string, undecided: number): string => {
    const text = before + rest + chunk;
    const cut = Math.max(before.length, text.length - undecided);
    const found = allBetween(search, text, before.length, cut);
    const { shown, last } = covering(text, found, { to: before.length + covered.to, by: covered.by });
    covered = { to: Math.max(0, last.to - cut), by: last.by };
    before = text.slice(Math.max(0, cut - 1), cut);
    rest = text.slice(cut);
    return shown + text.slice(Math.min(last.to, cut), cut);
  };
  return { push: (chunk) => advance(chunk, search.reach - 1), end: () => advance("", 0) };
}

function allBetween(search: SecretSearch, text: string, from: number, to: number): readonly Found[] {
  const all: Found[] = [];
  for (let found = search.next(text, from, to); found; found = search.next(text, found.at + 1, to)) all.push(found);
  return all;
}

/** How far the text is shown or replaced, and the last name shown for it. */
interface Covered {
  readonly to: number;
  readonly by: string;
}

/** The text from `start` to the end of the last secret, each run of overlapping secrets replaced by their names. */
function covering(
  text: string,
  found: readonly Found[],
  start: Covered,
): { readonly shown: string; readonly last: Covered } {
  const shown: string[] = [];
  let last = start;
  for (const { at, end, name } of found) {
    const apart = at >= last.to;
    if (apart) shown.push(text.slice(last.to, at));
    const named = apart || (end > last.to && name !== last.by);
    if (named) shown.push(`[${name}]`);
    last = { to: Math.max(last.to, end), by: named ? name : last.by };
  }
  return { shown: shown.join(""), last };
}

function jsonRedacted(value: Json, text: (whole: string) => string): Json {
  if (typeof value === "string") return text(value);
  if (typeof value === "number") {
    const shown = text(String(value));
    return shown === String(value) ? value : shown;
  }
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((item) => jsonRedacted(item, text));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), jsonRedacted(item, text)]));
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
