/**
 * Where in a JSON document a value lies: `a.b[0].c`. Names and indexes only, read as data and never evaluated; a step sees
 * nothing but the document's own members (no `constructor`, no `length`).
 */
import type { Json } from "./json.ts";

export type JsonPath = readonly (string | number)[];

const part = /\.?([^.[\]\s]+)|\[(\d{1,9})\]/y;

/** Undefined where the text is no path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: (string | number)[] = [];
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const at = part.lastIndex;
    const match = part.exec(text);
    const dotted = text[at] === ".";
    if (!match || (match[1] !== undefined && dotted !== at > 0)) return undefined;
    steps.push(match[1] ?? Number(match[2]));
  }
  return steps.length > 0 ? steps : undefined;
}

/** Undefined where the document has nothing there. */
export function jsonAt(document: Json | undefined, path: JsonPath): Json | undefined {
  return path.reduce<Json | undefined>((value, step) => memberOf(value, step), document);
}

function memberOf(value: Json | undefined, step: string | number): Json | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return typeof step === "number" ? value[step] : undefined;
  return Object.hasOwn(value, step) ? (value as { readonly [key: string]: Json })[step] : undefined;
}
