/** Secrets by name, where they are used (K1). */
import { SluiceError } from "../domain/errors.ts";
import type { Secret } from "../domain/secret.ts";
import type { ValueOrSecret } from "../domain/settings.ts";

export type Resolve = (value: ValueOrSecret) => string | Secret;

/** Throws SECRET_MISSING where it is needed; pre-flight has named all missing ones before. */
export function secretLookup(secrets: ReadonlyMap<string, Secret>): Resolve {
  return (value) => {
    if (typeof value === "string") return value;
    const secret = secrets.get(value.secret);
    if (secret) return secret;
    throw new SluiceError({
      code: "SECRET_MISSING",
      remedy: "operator",
      at: `secrets.${value.secret}`,
      message: `The secret ${value.secret} is missing or empty.`,
      hint: "See where it is looked for: sluice check",
    });
  };
}
