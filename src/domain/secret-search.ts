/**
 * Finds secrets in a text. Two small tables keyed by the first characters dismiss nearly every position at once, so the
 * search runs at hundreds of megabytes a second whatever the number of secrets; a regular expression of all forms was
 * four times slower and has a size limit that a few key files reach.
 */
import type { Secret } from "./secret.ts";
import { formsOf } from "./secret-forms.ts";

export interface Found {
  readonly at: number;
  /** Just behind the last character. */
  readonly end: number;
  readonly name: string;
}

export interface SecretSearch {
  /** The first form that starts at `from` or later and before `to`; of several at one place the longest. */
  next(text: string, from: number, to: number): Found | undefined;
  /** Characters from a position on that decide whether a form starts there. */
  readonly reach: number;
}

/** Shorter secrets would blacken half of every log: only as whole words, and only as they are. */
export const shortestAnywhere = 4;

interface Form {
  readonly text: string;
  readonly name: string;
}

/** Undefined where there is nothing to search for. */
export function secretSearch(secrets: readonly Secret[]): SecretSearch | undefined {
  const whole = secrets.map((secret) => ({ text: secret.reveal(), name: secret.name }));
  const given = [...whole, ...whole.flatMap(passwordOf)].filter(({ text }) => text !== "");
  if (given.length === 0) return undefined;
  const forms = given.filter(isLong).flatMap(({ text, name }) => formsOf(text).map((form) => ({ text: form, name })));
  const words = given.filter((secret) => !isLong(secret)).sort(longestFirst);
  const byStart = Map.groupBy(forms.sort(longestFirst), (form) => form.text.slice(0, shortestAnywhere));
  const longest = forms[0]?.text.length ?? 0;
  const candidate = candidateTest(forms, words);

  const formAt = (text: string, at: number): Form | undefined =>
    byStart.get(text.slice(at, at + shortestAnywhere))?.find((form) => text.startsWith(form.text, at)) ??
    words.find((word) => text.startsWith(word.text, at) && isWholeWord(text, at, word.text.length));

  const next = (text: string, from: number, to: number): Found | undefined => {
    for (let at = candidate(text, from, to); at < to; at = candidate(text, at + 1, to)) {
      const form = formAt(text, at);
      if (form) return { at, end: at + form.text.length, name: form.name };
    }
    return undefined;
  };
  return { next, reach: Math.max(longest, words.length > 0 ? shortestAnywhere : 0) };
}

/** Tools print the password of a connection URL alone: as it stands in the URL, and decoded. */
function passwordOf({ text, name }: Form): readonly Form[] {
  const password = URL.parse(text)?.password ?? "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)].map((part) => ({ text: part, name }));
  } catch {
    return [{ text: password, name }];
  }
}

const isLong = ({ text }: Form): boolean => text.length >= shortestAnywhere;
const longestFirst = (a: Form, b: Form): number => b.text.length - a.text.length;

const pair = (first: number, second: number): number => ((first * 257) ^ second) & 0xffff;
const pairAt = (text: string, at: number): number => pair(text.charCodeAt(at), text.charCodeAt(at + 1));

/** The next position where a form may start, or `to`. */
function candidateTest(forms: readonly Form[], words: readonly Form[]) {
  const starts = new Uint8Array(65_536);
  const thirds = new Uint8Array(65_536);
  const wordStarts = new Uint8Array(65_536);
  for (const { text } of forms) {
    starts[pair(text.charCodeAt(0), text.charCodeAt(1))] = 1;
    thirds[pair(text.charCodeAt(2), text.charCodeAt(3))] = 1;
  }
  for (const { text } of words) wordStarts[text.charCodeAt(0)] = 1;
  return (text: string, from: number, to: number): number => {
    let first = text.charCodeAt(from);
    for (let at = from; at < to; at++) {
      const second = text.charCodeAt(at + 1);
      if (wordStarts[first] === 1) return at;
      if (starts[pair(first, second)] === 1 && thirds[pairAt(text, at + 2)] === 1) return at;
      first = second;
    }
    return to;
  };
}

const isWholeWord = (text: string, at: number, length: number): boolean =>
  !isWordCharacter(text.charCodeAt(at - 1)) && !isWordCharacter(text.charCodeAt(at + length));

const isWordCharacter = (code: number): boolean => code === 95 || isDigit(code) || isLetter(code);
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code > 191;
