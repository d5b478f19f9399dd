/** Z2 R1: the sequential test in whole deployments: what it catches, after how much, and what it never takes for a pass. */
import { expect, test } from "vitest";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { Ended, World, WorldOptions } from "./world.ts";
import { minute, type SettingsChange, scenarioSettings, second, verdictOff } from "./world-settings.ts";
import type { ReleaseBehaviour } from "./world-sources.ts";

const { rollout } = scenarioSettings("production");

const decides: SettingsChange["rollout"] = {
  steps: [
    { percent: 5, bakeMs: 5 * minute },
    { percent: 50, bakeMs: minute },
    { percent: 100, bakeMs: minute },
  ],
  controlPercent: 5,
  limits: { ...rollout.limits, errorRate: null, errorRateRise: null },
  verdict: { ...verdictOff, mode: "decides", dispersionWithoutHistory: 1.5, rehearsal: true },
};

/** A stable version with one failure in 200 requests has served for ten minutes. */
async function longServing(candidate: ReleaseBehaviour, more: WorldOptions = {}): Promise<World> {
  const { settings, ...others } = more;
  const world = await inServingWorld({
    releases: { "v1.0.0": { errorRate: 0.005 }, "v1.1.0": { errorRate: 0.005, ...candidate } },
    ...others,
    settings: { observation: { limits: rollout.limits }, ...settings, rollout: { ...decides, ...settings?.rollout } },
  });
  await world.clock.sleep(11 * minute);
  return world;
}

const codeOf = ({ outcome, failure }: Ended) => ({ outcome, code: failure?.code ?? null });
const worse = { outcome: "rolled-back", code: "CANDIDATE_WORSE" };

/** Of both components together. */
function metCandidate(world: World): number {
  const { served } = world.at();
  return ["api", "web"].reduce((sum, name) => sum + (served.get(`${name} v1.1.0`)?.requests ?? 0), 0);
}

const weightsOf = (world: World) =>
  world
    .at()
    .shifts.filter(({ component }) => component === "web")
    .map(({ weights }) => weights.join());

test("Z2 a release of which every request fails is back after tens of requests, whatever its health checks say", async () => {
  const world = await longServing({ errorRate: 1 });

  const ended = await world.deploy("v1.1.0");

  expect(codeOf(ended)).toEqual(worse);
  expect(ended.failure?.message).toMatch(/^v1\.1\.0 at 5 %: errors: .*evidence .* threshold/);
  // Two routes at 100 requests a second each, 5 %: one bucket and its grace.
  expect(metCandidate(world)).toBeLessThan(150);
  expect(await world.at().weights("web")).toEqual(["v1.0.0 100 %"]);
});

test("Z2 a release with five times the failures of the stable version is caught at 5 %, without any fixed line", async () => {
  const world = await longServing({ errorRate: 0.05 });

  const ended = await world.deploy("v1.1.0");

  expect(codeOf(ended)).toEqual(worse);
  expect(weightsOf(world).slice(1)).toEqual(["v1.0.0 95 %,v1.1.0 5 %", "v1.0.0 100 %"]);
});

test("Z2 a release that answers at half the speed is caught, though not one request fails", async () => {
  const world = await longServing({ answersInMs: 40 });

  const ended = await world.deploy("v1.1.0");

  expect(codeOf(ended)).toEqual(worse);
  expect(ended.failure?.message).toContain("latency");
});

test("Z2 a slow release is caught as well when the stable version has served for two minutes only, with changing weights before", async () => {
  const world = await inServingWorld({
    releases: { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": { answersInMs: 40 } },
    settings: { rollout: decides },
  });
  await world.deploy("v1.1.0");
  await world.clock.sleep(70 * second);

  const ended = await world.deploy("v1.2.0");

  expect(codeOf(ended)).toEqual(worse);
  expect(ended.failure?.message).toContain("latency");
});

test("R1 Z2 a good release passes, and at 100 % a control stays on the stable version until the bake ends", async () => {
  const world = await longServing({});

  const ended = await world.deploy("v1.1.0");

  expect(codeOf(ended)).toEqual({ outcome: "succeeded", code: null });
  expect(weightsOf(world).slice(1)).toEqual([
    "v1.0.0 95 %,v1.1.0 5 %",
    "v1.0.0 50 %,v1.1.0 50 %",
    "v1.0.0 5 %,v1.1.0 95 %",
    "v1.1.0 100 %",
  ]);
  expect(world.at().lost).toEqual([]);
});

test("Z1 Z2 killed in the middle of the test, it goes on with the same evidence, each bucket applied once", async () => {
  const undisturbed = await longServing({ errorRate: 0.02 }, { seed: 7 });
  const killed = await longServing({ errorRate: 0.02 }, { seed: 7, supervised: true });
  const whole = await undisturbed.deploy("v1.1.0");
  const id = await killed.begin("v1.1.0");
  await killed.untilTold(id, /^5 % on/);
  for (let n = 0; n < 3; n++) {
    await killed.clock.sleep(17 * second);
    if ((await killed.ledger.deployment(id))?.outcome === null) killed.crash(id);
  }

  const resumed = await killed.ended(id);

  expect(codeOf(resumed)).toEqual(codeOf(whole));
  const series = await killed.ledger.evidenceBuckets(id);
  const keys = series.map(({ metric, index }) => `${metric} ${index}`);
  expect(new Set(keys).size).toBe(keys.length);
  const indexes = [...new Set(series.map(({ index }) => index))];
  expect(indexes).toEqual(Array.from({ length: indexes.length }, (_, n) => (indexes[0] ?? 0) + n));
  expect((await killed.ledger.evidence(id))?.nextIndex).toBe((indexes.at(-1) ?? 0) + 1);
});

const endOfStep = /(?<!undo) rollout record$/;

test("Z2 R2 the traffic is back before the step that found the release worse has ended", async () => {
  let percents: readonly string[] = [];
  let serving: World | undefined;
  const world = await longServing(
    { errorRate: 1 },
    {
      onJournalCall: (_n, what) => {
        if (serving && endOfStep.test(what)) percents = weightsOf(serving);
        return "go";
      },
    },
  );
  serving = world;

  await world.deploy("v1.1.0");

  expect(percents.slice(1)).toEqual(["v1.0.0 95 %,v1.1.0 5 %", "v1.0.0 100 %"]);
});

test("Z1 Z2 killed with the verdict in hand, its successor gives the bad release no more traffic", async () => {
  let ends = 0;
  const world = await longServing(
    { errorRate: 1 },
    // The first deployment's only step, and then the one that finds the release worse.
    { onJournalCall: (_n, what) => (endOfStep.test(what) && ++ends === 2 ? "die-before" : "go") },
  );
  const id = await world.begin("v1.1.0");
  await world.until("it died", () => ends === 2);
  await world.clock.sleep(3 * second);
  world.takeOver(id);

  const ended = await world.ended(id);

  expect(codeOf(ended)).toEqual(worse);
  expect(ends).toBe(3);
  expect(weightsOf(world).slice(1)).toEqual(["v1.0.0 95 %,v1.1.0 5 %", "v1.0.0 100 %"]);
});

test("Z2 a router that tells nothing is unknown: the weight stays, and at the limit it goes back as undecided", async () => {
  const world = await longServing({});
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  for (const router of world.at().routers.values()) {
    router.buckets = () => Promise.reject(new Error("its counters cannot be read"));
  }

  const ended = await world.ended(id);

  expect(codeOf(ended)).toEqual({ outcome: "undecided", code: "ROLLOUT_UNDECIDED" });
  expect(ended.failure?.message).toContain("its counters cannot be read");
  expect(weightsOf(world).at(-1)).toBe("v1.0.0 100 %");
});

test("R1 a metric that only advises is told and decides nothing", async () => {
  const advisory = { ...verdictOff, mode: "advisory" as const };
  const world = await longServing({ errorRate: 0.4 }, { settings: { rollout: { ...decides, verdict: advisory } } });

  const ended = await world.deploy("v1.1.0");

  expect(ended.events.some(({ title, tone }) => tone === "bad" && /evidence .* threshold/.test(title))).toBe(true);
  // What decides then are the fixed lines, which nobody switched on: those of the sources.
  expect(codeOf(ended)).toEqual({ outcome: "rolled-back", code: "HEALTH_FAILED" });
});

test("R1 a step that is promoted by hand waits for a person beyond its bake, and goes back when nobody comes", async () => {
  const steps = [
    { percent: 5, bakeMs: minute, promote: "by-hand" as const },
    { percent: 100, bakeMs: minute },
  ];
  const world = await longServing({}, { settings: { rollout: { ...decides, steps, promoteWithinMs: 20 * minute } } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /waits for a person/);
  const at5 = await world.at().weights("web");
  await world.ledger.steer(id, { kind: "promote", by: "bob", reason: "looks fine" });
  const ended = await world.ended(id);
  const forgotten = await world.deploy("v1.0.0");

  expect(at5).toEqual(["v1.0.0 95 %", "v1.1.0 5 %"]);
  expect(ended.outcome).toBe("succeeded");
  expect(ended.record.rollout).toMatchObject([{ percent: 5, promotedBy: "bob" }, { percent: 100 }]);
  expect(codeOf(forgotten)).toEqual({ outcome: "undecided", code: "ROLLOUT_UNDECIDED" });
  expect(forgotten.failure?.message).toContain("nobody promoted it");
});

test("R1 a pause keeps the weight for as long as it lasts, and evidence against the candidate still brings it back", async () => {
  let rate = 0.005;
  const world = await longServing({ errorRate: () => rate });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^5 % on/);
  await world.ledger.steer(id, { kind: "pause", by: "ada", reason: "lunch" });
  await world.clock.sleep(20 * minute);
  const still = await world.at().weights("web");
  rate = 0.3;

  const ended = await world.ended(id);

  expect(still).toEqual(["v1.0.0 95 %", "v1.1.0 5 %"]);
  expect(ended.events.some(({ title }) => title === "5 %: paused by ada: lunch")).toBe(true);
  expect(codeOf(ended)).toEqual(worse);
});

test("R1 Z2 an adaptive ramp brings a good release to 100 % in minutes and costs a dead one a handful of requests", async () => {
  const settings = { rollout: { ...decides, strategy: "adaptive" as const } };
  const good = await longServing({}, { settings });
  const dead = await longServing({ errorRate: 1 }, { settings });

  const [passed, failed] = [await good.deploy("v1.1.0"), await dead.deploy("v1.1.0")];

  expect(passed.outcome).toBe("succeeded");
  const rolling = passed.events.filter(({ step }) => step === "rollout").map(({ atMs }) => atMs);
  expect(Math.max(...rolling) - Math.min(...rolling)).toBeLessThan(5 * minute);
  expect(codeOf(failed)).toEqual(worse);
  expect(metCandidate(dead)).toBeLessThan(80);
});

test("R1 a step ends before its bake where that is wanted and the candidate is proven good", async () => {
  const steps = [
    { percent: 50, bakeMs: 60 * minute },
    { percent: 100, bakeMs: minute },
  ];
  const world = await longServing({}, { settings: { rollout: { ...decides, steps, earlyPromotion: true } } });

  const ended = await world.deploy("v1.1.0");

  expect(ended.outcome).toBe("succeeded");
  const [first] = ended.record.rollout as unknown as readonly [{ bakedMs: number; evidence: { kind: string } }];
  expect(first.bakedMs).toBeLessThan(10 * minute);
  expect(first.evidence.kind).toBe("good");
});

test("Z2 a first release has nothing to be compared with: gross failures are held against a declared rate", async () => {
  const world = inWorld({ releases: { "v1.0.0": { errorRate: 0.7 } }, settings: { rollout: decides } });

  const ended = await world.deploy("v1.0.0");

  expect(ended.failure).toMatchObject({ code: "CANDIDATE_WORSE" });
  expect(ended.failure?.message).toMatch(/failed on the candidate, where 1 % are allowed/);
  expect(await world.at().running()).toEqual([]);
});

test("R1 a dark launch runs beside the stable version without a request, judged by its health, until somebody lets it go on", async () => {
  const steps = [
    { percent: 0, bakeMs: minute, promote: "by-hand" as const },
    { percent: 50, bakeMs: minute },
    { percent: 100, bakeMs: minute },
  ];
  const world = await longServing({}, { settings: { rollout: { ...decides, steps } } });
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /waits for a person/);
  const met = metCandidate(world);
  await world.ledger.steer(id, { kind: "promote", by: "bob", reason: "the testers like it" });

  const ended = await world.ended(id);

  expect(met).toBe(0);
  expect(ended.outcome).toBe("succeeded");
});

test("Z1 Z2 killed just after the test was fixed and before that was journalled, it goes on with what was fixed", async () => {
  const finely = { ...verdictOff, mode: "decides" as const, bucketMs: 250, graceMs: 250 };
  // Short, since it looks four times a second.
  const steps = [
    { percent: 5, bakeMs: 40 * second },
    { percent: 100, bakeMs: 10 * second },
  ];
  let fixings = 0;
  const world = await longServing(
    {},
    {
      settings: { rollout: { ...decides, steps, verdict: finely } },
      onJournalCall: (_n, what) => (/ verdict record$/.test(what) && ++fixings === 2 ? "die-before" : "go"),
    },
  );
  const id = await world.begin("v1.1.0");
  await world.until("it died", () => fixings === 2);
  await world.clock.sleep(3 * second);
  world.takeOver(id);

  const ended = await world.ended(id);

  expect(ended.outcome).toBe("succeeded");
  const fixed = (await world.ledger.evidence(id))?.plan as unknown as {
    readonly canary: { readonly firstIndex: number };
  };
  const indexes = [...new Set((await world.ledger.evidenceBuckets(id)).map(({ index }) => index))];
  expect(fixings).toBe(3);
  expect(indexes).toEqual(Array.from({ length: indexes.length }, (_, n) => fixed.canary.firstIndex + n));
});

test("Z2 a few requests of which half fail are no pass, though they are not yet evidence: unknown, until it is known", async () => {
  const steps = [
    { percent: 50, bakeMs: 10 * second },
    { percent: 100, bakeMs: 10 * second },
  ];
  const few = { ...rollout.limits, errorRate: null, errorRateRise: null, minRequests: 3 };
  const world = await longServing(
    {},
    {
      releases: { "v1.0.0": {}, "v1.1.0": { errorRate: 0.5 } },
      requestsPerSecond: 2,
      settings: { rollout: { ...decides, steps, limits: few, unknownForMs: 2 * minute } },
    },
  );

  const ended = await world.deploy("v1.1.0");

  expect(codeOf(ended)).toEqual(worse);
  expect(
    ended.events.some(({ title, tone }) => tone === "warn" && /it may still fail \d+ points more/.test(title)),
  ).toBe(true);
});
