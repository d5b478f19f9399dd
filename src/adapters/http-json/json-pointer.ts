/** RFC 6901: where in a JSON document a value lies, `/versions/v1.2.0/errors`. Sees the document's own members only. */
import type { Json } from "../../domain/json.ts";

/** Undefined where the document has nothing there. The empty pointer is the whole document. */
export function atPointer(document: Json, pointer: string): Json | undefined {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce<Json | undefined>((value, step) => memberOf(value, step), document);
}

function memberOf(value: Json | undefined, step: string): Json | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(step) ? (value as readonly Json[])[Number(step)] : undefined;
  return Object.hasOwn(value, step) ? (value as { readonly [key: string]: Json })[step] : undefined;
}
