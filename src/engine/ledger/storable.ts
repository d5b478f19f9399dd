/**
 * PostgreSQL keeps neither NUL characters nor halves of surrogate pairs, and both come in the logs of other programs. They
 * are replaced before anything is hashed or stored, in both stores alike.
 */

/** As the store gives it back: plain JSON, every text storable. */
export const storable = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value ?? null), (_key, inner: unknown) =>
    typeof inner === "string" ? inner.replaceAll("\0", "\uFFFD").toWellFormed() : inner,
  ) as T;

export const jsonText = (value: unknown): string => JSON.stringify(storable(value));
