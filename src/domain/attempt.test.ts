import fc from "fast-check";
import { expect, test } from "vitest";
import { type Attempt, type FenceRecord, ruleOnFence } from "./attempt.ts";

const attempt = (n: number, ledgerId = "a"): Attempt => ({ ledgerId, n, deploymentId: "d" });

test("L2 a target that nobody has used obeys anybody", () => {
  expect(ruleOnFence(undefined, attempt(1))).toBe("obey");
});

test.each([
  [5, 4, "stale"],
  [5, 5, "obey"],
  [5, 6, "obey"],
] as const)("L2 a target that obeyed %i and is asked by %i: %s", (last, asking, ruling) => {
  expect(ruleOnFence(attempt(last), attempt(asking))).toBe(ruling);
});

test("L2 another ledger's attempt is foreign, however high its number", () => {
  expect(ruleOnFence(attempt(1, "a"), attempt(1_000, "b"))).toBe("foreign");
});

test("L2 whoever was refused once is refused for ever, as long as numbers only rise", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1 }), (asking) => {
      let last: FenceRecord | undefined;
      const refused = new Set<number>();
      for (const n of asking) {
        if (ruleOnFence(last, attempt(n)) === "obey") {
          expect(refused.has(n)).toBe(false);
          last = attempt(n);
        } else refused.add(n);
      }
    }),
  );
});
