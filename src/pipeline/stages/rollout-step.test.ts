import { expect, test } from "vitest";
import type { PlanFacts } from "../stage.ts";
import { rolloutStep } from "./rollout-step.ts";

const route = {
  host: "127.0.0.1",
  port: 8080,
  sticky: { kind: "cookie", name: "shop-version", secure: true, forward: false },
  testers: { header: "x-version", token: null },
} as const;

const verdict = { mode: "off" };

const factsOf = (serving: unknown): PlanFacts =>
  ({
    settings: {
      components: [{ name: "web", route }, { name: "mailer" }],
      rollout: { strategy: "steps", steps: [{ percent: 50, bakeMs: 1000 }], controlPercent: 5, verdict },
    },
    release: { version: "v2" },
    serving,
  }) as unknown as PlanFacts;

test("P1 the plan tells who gets a version for another reason than the weights, where two serve", () => {
  const serving = { version: "v1", components: [] };

  expect(rolloutStep.plan(factsOf(serving))).toEqual([
    "50 % of the traffic to v2, watched for 1 s",
    "web: a user keeps its version, by the router's cookie, while the weights stay",
    "web: anybody may choose the version by the header x-version",
  ]);
  expect(rolloutStep.plan(factsOf(undefined)).join()).not.toContain("cookie");
});
