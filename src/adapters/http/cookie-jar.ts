/** The cookies of one journey: one host, one visit. Name and value, and their deletion; a journey needs no more. */
export type CookieJar = ReadonlyMap<string, string>;

export function withCookies(jar: CookieJar, setCookies: readonly string[], nowMs: number): CookieJar {
  const after = new Map(jar);
  for (const line of setCookies) {
    const [pair = "", ...attributes] = line.split(";");
    const equals = pair.indexOf("=");
    if (equals < 1) continue;
    const name = pair.slice(0, equals).trim();
    if (isDeletion(attributes, nowMs)) after.delete(name);
    else after.set(name, pair.slice(equals + 1).trim());
  }
  return after;
}

/** Max-Age comes before Expires (RFC 6265). */
function isDeletion(attributes: readonly string[], nowMs: number): boolean {
  const values = new Map(
    attributes.map((attribute) => {
      const [name = "", ...value] = attribute.split("=");
      return [name.trim().toLowerCase(), value.join("=").trim()] as const;
    }),
  );
  const maxAge = values.get("max-age");
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return Date.parse(values.get("expires") ?? "") <= nowMs;
}

export const cookieHeader = (jar: CookieJar): string => [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
