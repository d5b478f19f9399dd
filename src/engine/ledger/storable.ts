/**
 * PostgreSQL keeps neither NUL characters nor halves of surrogate pairs, and both come in the logs of other programs. They
 * are replaced before anything is hashed or stored, in both stores alike.
 */

/** As the store gives it back: plain JSON as `JSON.stringify` makes it, every text storable. Shares nothing with `value`. */
export const storable = <T>(value: T): T => plain(value) as T;

export const jsonText = (value: unknown): string => JSON.stringify(storable(value));

/** What has no place in JSON is null here; as a member it is left out. */
function plain(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value === "boolean") return value;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? value.map(plain) : members(value);
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null;
  if (typeof value === "bigint") throw new TypeError("A bigint has no place in JSON.");
  return null;
}

const storableText = (text: string): string => text.replaceAll("\0", "\uFFFD").toWellFormed();

function members(value: object): unknown {
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === "function") return plain(toJSON.call(value, ""));
  const made: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined && typeof member !== "function" && typeof member !== "symbol") define(made, key, member);
  }
  return made;
}

/** An assignment to this one name would set the prototype. */
function define(made: Record<string, unknown>, key: string, member: unknown): void {
  if (key !== "__proto__") made[key] = plain(member);
  else Object.defineProperty(made, key, { value: plain(member), enumerable: true, configurable: true, writable: true });
}
