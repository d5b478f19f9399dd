/**
 * Takes secret texts out of what a child printed before it reaches a log, an error or a record. A tool often prints only
 * a part of a secret (the password of a URL, one line of a key), so those parts are taken out as well.
 */
import { Secret } from "../domain/secret.ts";

/** A shorter text would be found by chance and garble the output; no secret worth the name is that short. */
const shortestPartLength = 4;

export type Redact = (text: string) => string;

/** A function that replaces every secret of `values` (and its telling parts) by `[NAME]`. */
export function redactor(values: Iterable<string | Secret>): Redact {
  const parts: { readonly text: string; readonly shown: string }[] = [];
  for (const value of values) {
    if (!(value instanceof Secret)) continue;
    const shown = value.toString();
    for (const text of tellingParts(value.reveal())) parts.push({ text, shown });
  }
  // The longest first, so that a part never breaks up the whole before it is recognised.
  parts.sort((a, b) => b.text.length - a.text.length);
  return (text) => parts.reduce((line, part) => line.replaceAll(part.text, part.shown), text);
}

function tellingParts(secret: string): ReadonlySet<string> {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= 2 * shortestPartLength);
  const candidates = [secret, secret.trim(), ...lines, ...passwordsOf(secret)];
  return new Set(candidates.filter((part) => part.length >= shortestPartLength));
}

function passwordsOf(secret: string): readonly string[] {
  const password = URL.parse(secret)?.password ?? "";
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
