/** Parts of a world seen through something: a fault, a late network, a note of who did what. */

type Method = (...given: never[]) => unknown;

/**
 * `part` with every method replaced by what `around` makes of it; undefined leaves it as it is. Asked once for each method: a
 * walk calls some of them many thousand times.
 */
export function seenThrough<T extends object>(
  part: T,
  around: (method: (...given: unknown[]) => unknown, name: string) => ((...given: unknown[]) => unknown) | undefined,
): T {
  const made = new Map<string | symbol, { readonly member: Method; readonly seen: unknown }>();
  const make = (member: Method, key: string | symbol): unknown => {
    const bound = (...given: unknown[]) => Reflect.apply(member, part, given) as unknown;
    const seen = around(bound, String(key)) ?? bound;
    made.set(key, { member, seen });
    return seen;
  };
  return new Proxy(part, {
    get(_target, key) {
      const member: unknown = Reflect.get(part, key, part);
      if (typeof member !== "function") return member;
      const known = made.get(key);
      return known?.member === member ? known.seen : make(member as Method, key);
    },
  });
}
