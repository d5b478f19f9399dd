import { describe, expect, test } from "vitest";
import type { DeploymentEvent } from "./events.ts";
import type { Json } from "./json.ts";
import { caughtIn, caughtWords, weightsIn } from "./verdict-record.ts";

let seq = 0;
const event = (
  step: string,
  phase: DeploymentEvent["phase"],
  atMs: number,
  detail: Json = {},
  more: Partial<DeploymentEvent> = {},
): DeploymentEvent => ({
  ...{ deploymentId: "d", environment: "production", step, phase, key: "1", title: step, tone: "info", actor: null },
  ...{ seq: ++seq, attempt: 1, atMs, detail, hash: "" },
  ...more,
});

const shift = (percent: number, atMs: number): DeploymentEvent =>
  event("rollout", "progress", atMs, { percent, shifted: true });
const round = (atMs: number, requests: number, errors: number): DeploymentEvent =>
  event("rollout", "progress", atMs, { candidate: { requests, errors }, stable: null });

const story = [
  event("rollout", "begin", 1_000, {}, { key: "4" }),
  shift(5, 1_100),
  round(11_000, 40, 1),
  round(21_000, 90, 2),
  event("rollout", "end", 21_100, {}, { key: "4", tone: "ok" }),
  event("rollout", "begin", 22_000, {}, { key: "5" }),
  shift(50, 22_100),
  round(32_000, 300, 30),
  // The process died; the same weight is begun again, and counts from where it first began.
  event("rollout", "begin", 35_000, {}, { key: "5", attempt: 2 }),
  shift(50, 35_100),
  round(36_000, 500, 60),
  event("rollout", "end", 36_100, {}, { key: "5", tone: "bad" }),
  event("undo rollout", "progress", 36_400, { backOn: "v1.0.0" }),
];

describe("Z2 what it cost to find out", () => {
  test("Z2 the last count of every weight is added up, once also where a weight was begun again", () => {
    expect(caughtIn(story, null)).toEqual({ requests: 590, failed: 62, afterMs: 35_000 });
  });

  test("Z2 where the test decided, its buckets up to the one that decided are what counts", () => {
    expect(caughtIn(story, { events: 9, total: 10 })).toEqual({ requests: 10, failed: 9, afterMs: 35_000 });
  });

  test("nothing was caught where nothing was taken back, and nothing counted is no count of zero", () => {
    expect(caughtIn(story.slice(0, -1), null)).toBeNull();
    expect(caughtIn([shift(5, 1), event("undo rollout", "progress", 2, { backOn: null })], null)).toBeNull();
  });

  test("weights are those that were read back, the way back included", () => {
    expect(weightsIn(story)).toEqual([
      { atMs: 1_100, percent: 5 },
      { atMs: 22_100, percent: 50 },
      { atMs: 35_100, percent: 50 },
      { atMs: 36_400, percent: 0 },
    ]);
  });

  test("in words, with what is not known left out", () => {
    expect(caughtWords({ requests: 1, failed: 1, afterMs: null })).toBe("after 1 candidate request, 1 of them failed");
  });
});
