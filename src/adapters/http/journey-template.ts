/**
 * What a journey's step sends, with `{{variable}}` where an earlier step's value goes. Substitution is text only; nothing is
 * evaluated. A `Secret` in a header or body is revealed where the request is made and nowhere else.
 */
import type { Json } from "../../domain/json.ts";
import { Secret } from "../../domain/secret.ts";
import type { Scalar } from "./expectation.ts";

/** JSON in which a leaf may be a secret. */
export type JsonTemplate = Scalar | Secret | readonly JsonTemplate[] | { readonly [key: string]: JsonTemplate };

export type Variables = ReadonlyMap<string, Scalar>;

const reference = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

/** The names of all variables used in a text or a template. */
export function variablesIn(template: JsonTemplate): readonly string[] {
  if (typeof template === "string") return [...template.matchAll(reference)].map((match) => match[1] ?? "");
  return childrenOf(template).flatMap(variablesIn);
}

export function secretsIn(template: JsonTemplate): readonly Secret[] {
  return template instanceof Secret ? [template] : childrenOf(template).flatMap(secretsIn);
}

function childrenOf(template: JsonTemplate): readonly JsonTemplate[] {
  if (typeof template !== "object" || template === null || template instanceof Secret) return [];
  return isList(template) ? template : Object.values(template);
}

const isList = (template: JsonTemplate): template is readonly JsonTemplate[] => Array.isArray(template);

export const filled = (
  text: string,
  variables: Variables,
  encode: (value: string) => string = (value) => value,
): string => text.replace(reference, (_, name: string) => encode(String(variables.get(name) ?? "")));

/** In a path a value is one segment or one query value, whatever is in it; a path that is one variable is taken as it is. */
export function filledPath(text: string, variables: Variables): string {
  const whole = onlyVariable(text);
  return whole === undefined ? filled(text, variables, encodeURIComponent) : String(variables.get(whole) ?? "");
}

/** A text that is one variable keeps the value's type: a number stays a number. */
export function filledJson(template: JsonTemplate, variables: Variables): Json {
  if (template instanceof Secret) return template.reveal();
  if (typeof template === "string") {
    const whole = onlyVariable(template);
    return whole === undefined ? filled(template, variables) : (variables.get(whole) ?? null);
  }
  if (typeof template !== "object" || template === null) return template;
  if (isList(template)) return template.map((item) => filledJson(item, variables));
  return Object.fromEntries(Object.entries(template).map(([key, item]) => [key, filledJson(item, variables)]));
}

const onlyVariable = (text: string): string | undefined => /^\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$/.exec(text)?.[1];
