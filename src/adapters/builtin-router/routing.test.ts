/** Users who keep a version: shares, and which way they move. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Split } from "../../domain/traffic.ts";
import { keptVersion, wishedVersion } from "./routing.ts";
import { hashOf } from "./session.ts";

const endpoints = [{ host: "127.0.0.1", port: 1 }];
const splitAt = (
  percent: number,
  candidate = "v2~1763673600-3f2a9c1b22aa",
  stable = "v1~1763600000-aa11bb22cc33",
): Split => [
  { revision: stable, percent: 100 - percent, endpoints },
  { revision: candidate, percent, endpoints },
];
const onCandidate = (key: string, percent: number): boolean => keptVersion(splitAt(percent), key) === 1;
const percents = fc.integer({ min: 0, max: 100 });

test("R1 a rising weight moves users only from stable to the candidate, and going back moves them only back", () => {
  fc.assert(
    fc.property(fc.string(), percents, percents, (key, one, other) => {
      const [lower, higher] = [Math.min(one, other), Math.max(one, other)];
      if (onCandidate(key, lower)) expect(onCandidate(key, higher)).toBe(true);
      expect(onCandidate(key, 0)).toBe(false);
      expect(onCandidate(key, 100)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("R1 of three versions only those that gain weight gain users", () => {
  const three = (a: number, b: number): Split => [
    { revision: "a", percent: a, endpoints },
    { revision: "b", percent: b, endpoints },
    { revision: "c", percent: 100 - a - b, endpoints },
  ];
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 50 }), (key, a, more) => {
      const before = keptVersion(three(a, 20), key);
      const after = keptVersion(three(Math.min(80, a + more), 20), key);
      // Only `a` gained: whoever moved there came from anywhere, and nobody left it.
      if (before === 0) expect(after).toBe(0);
    }),
  );
});

const crowds: Readonly<Record<string, (n: number) => string>> = {
  "customers numbered from 1": (n) => String(n),
  "long names that differ at their end": (n) => `customer-of-the-shop-in-the-main-street-${n}`,
  addresses: (n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
};

test.each(Object.entries(crowds))("R1 the share of users is the weight within binomial noise: %s", (_, nameOf) => {
  const users = 20_000;
  for (const percent of [1, 5, 10, 50, 95]) {
    let candidate = 0;
    for (let n = 1; n <= users; n++) if (onCandidate(nameOf(n), percent)) candidate += 1;

    const share = percent / 100;
    const noise = 4 * Math.sqrt(users * share * (1 - share));
    expect(Math.abs(candidate - users * share), `${candidate} of ${users} at ${percent} %`).toBeLessThanOrEqual(noise);
  }
});

test("R1 the next deployment tries its candidate on other users", () => {
  const users = Array.from({ length: 20_000 }, (_, n) => String(n));
  const chosenBy = (deployment: string) =>
    users.filter((key) => keptVersion(splitAt(5, `v2~${deployment}`), key) === 1);
  const first = new Set(chosenBy("1763673600-3f2a9c1b22aa"));

  const both = chosenBy("1763673601-3f2a9c1b22ab").filter((key) => first.has(key));

  // By chance 5 % of 5 %: 50 of 20,000.
  expect(both.length).toBeLessThan(100);
});

test("O4 users of the candidate spread over all sixteen parts like everybody", () => {
  const parts = new Array<number>(16).fill(0);
  for (let n = 0; n < 64_000; n++) {
    const part = hashOf(String(n)) % 16;
    if (onCandidate(String(n), 5)) parts[part] = (parts[part] ?? 0) + 1;
  }

  // 200 each, four standard deviations to either side.
  expect(Math.min(...parts)).toBeGreaterThan(140);
  expect(Math.max(...parts)).toBeLessThan(260);
});

test("nobody is kept where nobody has weight", () => {
  expect(keptVersion([], "anna")).toBe(-1);
  expect(keptVersion([{ revision: "v1", percent: 0, endpoints }], "anna")).toBe(-1);
});

test("a tester's word names one version of the split, or none", () => {
  const split = splitAt(0);
  const stable = split[0]?.revision ?? "";

  expect(wishedVersion(split, "candidate", stable)).toBe(1);
  expect(wishedVersion(split, "stable", stable)).toBe(0);
  expect(wishedVersion(split, "v2", stable)).toBe(1);
  expect(wishedVersion(split, split[1]?.revision ?? "", null)).toBe(1);
  expect(wishedVersion(split, "v3", stable), "not in the split").toBe(-1);
  expect(wishedVersion(split, "v", stable), "no version by its beginning").toBe(-1);
  expect(wishedVersion(split, "candidate", null), "nobody said who is stable").toBe(-1);
  expect(wishedVersion(splitAt(5, "v1~2", "v1~1"), "v1", "v1~1"), "two of that version").toBe(-1);
  expect(wishedVersion([{ revision: "v2~1", percent: 0, endpoints: [] }], "v2", null), "nothing runs").toBe(-1);
});
