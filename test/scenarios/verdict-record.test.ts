/** D1 O4 Z2: what is left of a comparison once its deployment has ended: the whole series in the record, and a picture of it. */
import { expect, test } from "vitest";
import { replayEvidence } from "../../src/domain/canary/replay.ts";
import { bucketsOf } from "../../src/domain/canary/series.ts";
import type { RecordedVerdict } from "../../src/domain/verdict-record.ts";
import { inServingWorld } from "./in-world.ts";
import type { Ended, World } from "./world.ts";
import { minute, type SettingsChange, scenarioSettings, verdictOff } from "./world-settings.ts";
import type { ReleaseBehaviour } from "./world-sources.ts";

const { rollout } = scenarioSettings("production");

const decides: SettingsChange["rollout"] = {
  steps: [
    { percent: 5, bakeMs: 2 * minute },
    { percent: 100, bakeMs: minute },
  ],
  controlPercent: 5,
  limits: { ...rollout.limits, errorRate: null, errorRateRise: null },
  verdict: { ...verdictOff, mode: "decides", dispersionWithoutHistory: 1.5 },
};

const longServing = async (
  candidate: ReleaseBehaviour,
  change: SettingsChange["rollout"] = decides,
): Promise<World> => {
  const world = await inServingWorld({
    releases: { "v1.0.0": { errorRate: 0.005 }, "v1.1.0": { errorRate: 0.005, ...candidate } },
    settings: { observation: { limits: rollout.limits }, rollout: change },
  });
  await world.clock.sleep(11 * minute);
  return world;
};

type Compared = Extract<RecordedVerdict, { compared: true }> & {
  readonly caught: { readonly requests: number; readonly failed: number; readonly after_ms: number } | null;
};

const verdictIn = ({ record }: Ended): Compared => record.verdict as unknown as Compared;

test("D1 Z2 after a rollback by the test the record holds the whole series: played again it gives the evidence that decided", async () => {
  const world = await longServing({ errorRate: 1 });

  const ended = await world.deploy("v1.1.0");

  expect(ended.failure?.code).toBe("CANDIDATE_WORSE");
  const verdict = verdictIn(ended);
  expect(verdict).toMatchObject({ compared: true, kind: "rollback", candidate: "v1.1.0", stable: "v1.0.0" });
  expect(ended.failure?.message).toContain(verdict.reason);
  const buckets = bucketsOf(verdict.series);
  expect(buckets).toEqual(await world.ledger.evidenceBuckets(ended.id));
  const { points, state } = replayEvidence(verdict.plan, buckets);
  expect(state).toEqual((await world.ledger.evidence(ended.id))?.state);
  expect(points.at(-1)?.logE).toBe(verdict.evidence.logE);
  expect(verdict.evidence.logE).toBeGreaterThan(verdict.evidence.threshold);
});

test("Z2 the record says after how many candidate requests it was caught, how many failed, and how long after the shift", async () => {
  const world = await longServing({ errorRate: 1 });

  const ended = await world.deploy("v1.1.0");

  const { caught } = verdictIn(ended);
  const { served } = world.at();
  const met = ["api", "web"].reduce((sum, name) => sum + (served.get(`${name} v1.1.0`)?.requests ?? 0), 0);
  expect(caught?.failed).toBe(caught?.requests);
  expect(caught?.requests).toBeGreaterThan(0);
  expect(caught?.requests).toBeLessThanOrEqual(met);
  const shift = ended.events.find(({ title }) => title === "5 % on v1.1.0");
  const decision = ended.events.find(
    ({ step, phase, tone }) => step === "rollout" && phase === "end" && tone === "bad",
  );
  expect(caught?.after_ms).toBe((decision?.atMs ?? 0) - (shift?.atMs ?? 0));
  expect(ended.files.get("incident-report.md")).toMatch(
    /taken back after \d+ candidate requests, \d+ of them failed, [\d.]+ s after its first traffic/,
  );
});

test("D2 Z2 the folder has the picture, and the incident report shows it", async () => {
  const world = await longServing({ errorRate: 1 });

  const { files } = await world.deploy("v1.1.0");

  expect(files.get("verdict.svg")).toMatch(/^<svg [\s\S]*v1\.1\.0 against v1\.0\.0 in production[\s\S]*<\/svg>\n$/);
  expect(files.get("incident-report.md")).toContain("](verdict.svg)");
  const record = files.get("deployment-record.json") ?? "";
  expect(JSON.parse(record)).toMatchObject({ verdict: { compared: true, kind: "rollback" } });
  expect(record).toMatch(/"rate": \[ \d+, \d+, \d+, \d+ \]/);
});

test("D1 a release that passed has its series and its picture as well, and was not taken back", async () => {
  const world = await longServing({});

  const ended = await world.deploy("v1.1.0");

  expect(ended.outcome).toBe("succeeded");
  expect(verdictIn(ended)).toMatchObject({ compared: true, caught: null });
  expect(["good", "undecided"]).toContain(verdictIn(ended).kind);
  expect(ended.files.has("verdict.svg")).toBe(true);
});

test("D1 where nothing was compared the record says why, and there is no picture", async () => {
  const world = await longServing({}, { ...decides, verdict: verdictOff });

  const first = (await world.ledger.record((await world.ledger.deployments({})).at(-1)?.id ?? "")) as Ended["record"];
  const off = await world.deploy("v1.1.0");
  const back = await world.rollback();

  const why = "the sequential test is switched off (rollout.verdict.mode)";
  expect(first.verdict).toEqual({ compared: false, why, caught: null });
  expect(off.record.verdict).toEqual(first.verdict);
  expect(off.files.has("verdict.svg")).toBe(false);
  expect(back.record.verdict).toEqual({ compared: false, why: "a rollback goes back at once", caught: null });
});

test("D1 a deployment that was refused before its rollout says so", async () => {
  const world = await longServing({ start: { kind: "crashes", afterMs: 500, lastLines: "no" } });

  const ended = await world.deploy("v1.1.0");

  const why = "it did not get as far as its rollout";
  expect(ended.record.verdict).toEqual({ compared: false, why, caught: null });
  expect(ended.files.get("failure-report.md")).toContain("Nothing was compared: it did not get as far as its rollout.");
});

test("R2 what a fixed limit took back is counted as its rounds told it, over all weights", async () => {
  let sick = false;
  const world = await longServing(
    { errorRate: () => (sick ? 0.6 : 0) },
    { ...decides, limits: rollout.limits, verdict: verdictOff },
  );
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^95 % on/);
  sick = true;

  const ended = await world.ended(id);

  expect(ended.failure?.code).toBe("HEALTH_FAILED");
  const { caught } = verdictIn(ended);
  const last = (percent: number) =>
    ended.events
      .map(
        ({ detail }) =>
          detail as {
            readonly percent?: number;
            readonly candidate?: { readonly requests: number; readonly errors: number };
          },
      )
      .findLast((detail) => detail.percent === percent && detail.candidate !== undefined)?.candidate;
  expect(caught?.requests).toBe((last(5)?.requests ?? 0) + (last(95)?.requests ?? 0));
  expect(caught?.failed).toBe(last(95)?.errors);
  expect(caught?.failed).toBeGreaterThan(0);
});
