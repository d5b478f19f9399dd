/** What people are told, and what is kept: notifications, records, the story, and no secrets anywhere. */
import { describe, expect, test } from "vitest";
import { doraReport } from "../../src/app/dora-report.ts";
import { fail } from "../../src/domain/verdict.ts";
import { deliverLeft } from "../../src/pipeline/outbox.ts";
import { inServingWorld, inWorld } from "./in-world.ts";
import type { World } from "./world.ts";
import { hour, minute, scenarioSettings, second, sentinel } from "./world-settings.ts";

describe("N3 a channel that is down", () => {
  test("delays nothing, and is told everything once it is back", async () => {
    const world = await inServingWorld();
    const undisturbed = world.told();
    world.faults.channelDown = true;
    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /^100 % on/);
    const toldMeanwhile = world.told().slice(undisturbed.length);

    world.faults.channelDown = false;
    const { outcome } = await world.ended(id);

    expect({ outcome, toldMeanwhile }).toEqual({ outcome: "succeeded", toldMeanwhile: [] });
    const told = world.told().slice(undisturbed.length).toSorted();
    expect(told).toEqual([
      "component-updated",
      "component-updated",
      "component-updated",
      "stage-passed",
      "stage-passed",
      "stage-passed",
      "started",
      "succeeded",
    ]);
    expect(await world.ledger.undelivered(id)).toEqual([]);
  });

  test("beyond the deployment's end: whoever ends one next in the environment tells what it could not", async () => {
    const world = await inServingWorld();
    const before = world.told().length;
    world.faults.channelDown = true;
    const { id } = await world.deploy("v1.1.0");
    world.faults.channelDown = false;
    await world.clock.sleep(6 * minute);
    const next = { ...world, settings: scenarioSettings("production") };

    await deliverLeft(next, new AbortController().signal);

    expect(world.told().slice(before)).toContain("succeeded");
    expect(await world.ledger.undelivered(id)).toEqual([]);
  });

  test("for an hour: nothing takes longer, all is told after, in order, none twice", async () => {
    const world = await inServingWorld();
    const before = world.channel.deliveries.length;
    world.faults.channelDown = true;
    const { id, record } = await world.deploy("v1.1.0");
    const undisturbed = await inServingWorld();
    const { record: usual } = await undisturbed.deploy("v1.1.0");
    await world.clock.sleep(hour);
    expect(world.channel.deliveries).toHaveLength(before);

    world.faults.channelDown = false;
    await deliverLeft({ ...world, settings: scenarioSettings("production") }, new AbortController().signal);

    expect(record.durations_ms).toEqual(usual.durations_ms);
    const after = world.channel.deliveries.slice(before);
    expect(after.map(({ notification }) => notification.kind)).toEqual([
      "started",
      "stage-passed",
      "stage-passed",
      "stage-passed",
      "component-updated",
      "component-updated",
      "component-updated",
      "succeeded",
    ]);
    expect(new Set(after.map(({ key }) => key)).size).toBe(after.length);
    expect(await world.ledger.undelivered(id)).toEqual([]);
  });

  test("takes no longer than one that is up", async () => {
    const tookMs = async (down: boolean): Promise<number> => {
      const world = await inServingWorld();
      world.faults.channelDown = down;
      const { record } = await world.deploy("v1.1.0");
      return (record.durations_ms as { readonly total: number }).total;
    };

    expect(await tookMs(true)).toBe(await tookMs(false));
  });

  test("and that hangs for an hour keeps neither heartbeat nor router waiting", async () => {
    const world = await inServingWorld();
    world.faults.channelHangs = true;

    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /^50 % on/);
    await world.clock.sleep(20 * second);
    const row = await world.ledger.deployment(id);
    const weights = await world.at().weights("web");
    world.faults.channelHangs = false;

    expect(row?.executor?.expired).toBe(false);
    expect(weights).toEqual(["v1.0.0 50 %", "v1.1.0 50 %"]);
    expect((await world.ended(id)).outcome).toBe("succeeded");
  });
});

test("N1 a notification says version, deployment, environment, what happened and what to do", async () => {
  const world = await inServingWorld({ releases: { "v1.0.0": {}, "v1.1.0": { errorRate: 0.9 } } });

  const { id } = await world.deploy("v1.1.0");

  const last = world.channel.told().at(-1);
  expect(last).toMatchObject({
    kind: "rolled-back",
    project: "shop",
    environment: "production",
    environmentUrl: "https://production.example.com",
    deploymentId: id,
    version: "v1.1.0",
    title: "v1.1.0 in production: rolled-back",
    message: expect.stringMatching(/requests failed.*Now serving: v1\.0\.0\./),
    backup: expect.stringContaining(id),
    rollbackMinutesLeft: null,
    next: expect.stringContaining("sluice"),
  });
});

test("N1 success says for how long a rollback is possible", async () => {
  const world = await inServingWorld();

  await world.deploy("v1.1.0");

  expect(world.channel.told().at(-1)).toMatchObject({ kind: "succeeded", rollbackMinutesLeft: 60 });
});

test("N3 Z1 a process that dies while telling people tells them again, under the same key", async () => {
  const world = await inServingWorld();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  world.crash(id);
  await world.clock.sleep(5 * second);

  world.takeOver(id);
  await world.ended(id);

  const keys = world.channel.deliveries.map(({ key }) => key);
  expect(new Set(keys).size).toBe(world.told().length);
  expect(world.told().filter((kind) => kind === "started")).toHaveLength(2);
});

test("D1 the record has the sources' keys and values, word for word", async () => {
  const world = await inServingWorld();

  const { id, record, files } = await world.deploy("v1.1.0");

  const {
    timestamp,
    deployment_id,
    environment,
    status,
    git_sha,
    git_ref,
    services_deployed,
    health_checks,
    rollback_available,
  } = record;
  expect({ deployment_id, environment, status, git_ref, services_deployed, health_checks, rollback_available }).toEqual(
    {
      deployment_id: id,
      environment: "production",
      status: "success",
      git_ref: "refs/tags/v1.1.0",
      services_deployed: ["api", "web", "jobs"],
      health_checks: { api: "healthy", web: "healthy", journey: "healthy", smoke_tests: "passed" },
      rollback_available: true,
    },
  );
  expect(git_sha).toMatch(/^[0-9a-f]{40}$/);
  expect(timestamp).toMatch(/^2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(id).toMatch(new RegExp(`^\\d{10}-${String(git_sha).slice(0, 12)}$`));
  expect(JSON.parse(files.get("deployment-record.json") ?? "{}")).toEqual(record);
});

test("D1 there is a record also of what never began", async () => {
  const world = inWorld({ releases: { "v1.0.0": { buildFails: true } } });

  const { record } = await world.deploy("v1.0.0");

  expect(record).toMatchObject({
    status: "failed",
    outcome: "failed",
    services_deployed: [],
    rollback_available: false,
  });
});

describe("D2 what people read afterwards", () => {
  const broken = { releases: { "v1.0.0": {}, "v1.1.0": { errorRate: 0.9 } } };

  test("of a rollback: whom it reached, what it had to meet, what is left to do; as JSON too", async () => {
    const world = await inServingWorld(broken);

    const { id, files } = await world.deploy("v1.1.0");

    const report = files.get("incident-report.md") ?? "";
    expect(report).toMatch(
      /## Whom it reached\nIt had traffic for .*, up to 5 %; [\d,]+ requests went to the candidate/,
    );
    expect(report).toMatch(/\| every rollout step held \| no \| none ended \|/);
    expect(report).toContain(`sluice note ${id}`);
    const json = JSON.parse(files.get("incident-report.json") ?? "");
    expect(json).toMatchObject({ deployment_id: id, outcome: "rolled-back", serves_now: "v1.0.0" });
    expect(json.impact.minutes).toBeGreaterThan(0);
    expect(json.impact.failed_requests).toBeGreaterThan(json.impact.candidate_requests / 2);
  });

  test("of a success: what changed, who started it, what it met", async () => {
    const world = await inServingWorld();

    const { files } = await world.deploy("v1.1.0");

    expect(files.get("stakeholder-summary.md")).toMatch(
      /# v1\.1\.0 of shop is live in production[\s\S]*## What changed/,
    );
    expect(files.get("stakeholder-summary.md")).toMatch(/\| outcome \| yes \| succeeded, v1\.1\.0 serves \|/);
    expect(files.has("incident-report.md")).toBe(false);
  });

  test("N2 goes with the last news to channels that take it, and to no others", async () => {
    const world = await inServingWorld(broken);
    const [team] = world.notifiers;
    if (team) Object.assign(team, { takesReport: true });
    await world.deploy("v1.1.0");
    const reports = world.channel.told().map(({ report }) => report?.split("\n")[0]);
    if (team) Object.assign(team, { takesReport: false });

    const { id } = await world.deploy("v1.1.0");

    expect(reports.at(-1)).toBe("# v1.1.0 in production: rolled-back");
    expect(world.channel.told().filter(({ deploymentId, report }) => deploymentId === id && report)).toEqual([]);
  });

  test("D6 the figures of DORA come from the records", async () => {
    const world = await inServingWorld({ releases: { ...broken.releases, "v1.2.0": {} } });
    await world.deploy("v1.1.0");
    await world.deploy("v1.2.0");

    const { now, before } = await doraReport(world.ledger, "production", 24 * hour);

    expect(now.deploymentsPerDay.of).toBe(2);
    expect(now.changeFailureShare).toEqual({ value: 1 / 3, of: 3 });
    expect(now.reworkShare).toEqual({ value: 1 / 3, of: 3 });
    expect(now.recoveryMs.value).toBeGreaterThan(0);
    expect(now.leadTimeMs.of).toBe(2);
    expect(before.deploymentsPerDay).toEqual({ value: null, of: 0 });
  });
});

test("D5 the record has the readings and durations that were observed", async () => {
  const world = await inServingWorld();

  const { record } = await world.deploy("v1.1.0");

  expect(record.rollout).toMatchObject([{ percent: 5 }, { percent: 50 }, { percent: 100 }]);
  const [first] = record.rollout as readonly { candidate: { requests: number }; stable: { requests: number } }[];
  expect((first?.candidate.requests ?? 0) / (first?.stable.requests ?? 1)).toBeCloseTo(5 / 95, 2);
  const durations = record.durations_ms as Record<string, number>;
  expect(Object.keys(durations)).toEqual(
    expect.arrayContaining(["total", "build", "backup", "migrate", "start", "rollout", "smoke", "observe"]),
  );
  expect(durations.rollout).toBeGreaterThanOrEqual(90_000);
  expect((record.success_criteria as { met: boolean }[]).every(({ met }) => met)).toBe(true);
});

test("D4 Z4 the story is chained, without gaps and without doubled lines, also through a take-over", async () => {
  const world = await inServingWorld();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);
  world.crash(id);
  await world.clock.sleep(5 * second);
  world.takeOver(id);
  const { events } = await world.ended(id);

  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
  expect(events.filter(({ key }) => key === "announced")).toHaveLength(1);
  expect(events.filter(({ key }) => key === "outcome")).toHaveLength(1);
});

/** Everything that a deployment leaves behind, as one text. */
async function everything(world: World, id: string): Promise<string> {
  const folder = [...(world.shared.folders.get(id) ?? [])];
  const row = await world.ledger.deployment(id);
  const events = await world.ledger.events(id, 0);
  return JSON.stringify([folder, row, events, await world.ledger.record(id), world.channel.deliveries]);
}

describe("K1 a secret that others print is seen nowhere", () => {
  test("in a deployment that fails loudly", async () => {
    const world = await inServingWorld({
      releases: {
        "v1.0.0": {},
        "v1.1.0": {
          buildPrints: `API_KEY=${sentinel}`,
          health: () => fail(`cannot log in with ${sentinel}`),
          migrations: [{ id: "001", sql: `ALTER TABLE orders ADD COLUMN k text DEFAULT '${sentinel}'` }],
        },
      },
    });

    const { id, outcome } = await world.deploy("v1.1.0");

    expect(outcome).toBe("rolled-back");
    const left = await everything(world, id);
    expect(left).toContain("cannot log in with [API_KEY]");
    expect(left).not.toContain(sentinel);
  });

  test("in one whose candidate crashes with it on its lips", async () => {
    const lastLines = `panic: bad key ${sentinel}`;
    const world = await inServingWorld({
      releases: { "v1.0.0": {}, "v1.1.0": { start: { kind: "crashes", afterMs: 10, lastLines } } },
    });

    const { id, files } = await world.deploy("v1.1.0");

    expect(files.get("failure-report.md")).toContain("panic: bad key [API_KEY]");
    expect(await everything(world, id)).not.toContain(sentinel);
  });
});

describe("the ledger is away for a while", () => {
  test("nothing is undone because of it", async () => {
    const world = await inServingWorld();
    const id = await world.begin("v1.1.0");
    await world.untilTold(id, /^50 % on/);

    world.faults.ledgerAway = true;
    await world.clock.sleep(2 * minute);
    world.faults.ledgerAway = false;
    const { outcome } = await world.ended(id);

    expect(outcome).toBe("succeeded");
    expect(world.at().routers.get("web")?.revertedUnattended()).toBe(false);
    expect(world.at().lost).toEqual([]);
  });

  test.each(["build", "preflight", "backup", "migrate", "start", "observe"])("during %s", async (stage) => {
    const world = await inServingWorld();
    const id = await world.begin("v1.1.0");
    const begun = async () => (await world.ledger.events(id, 0)).some(({ step }) => step === stage);
    await world.until(stage, begun);

    world.faults.ledgerAway = true;
    await world.clock.sleep(20 * second);
    world.faults.ledgerAway = false;

    expect((await world.ended(id)).outcome).toBe("succeeded");
  });
});

test("D7 a folder that is full neither keeps the lock nor loses the record", async () => {
  const world = await inServingWorld();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, "v1.1.0 is the stable version");
  world.faults.recordsFolderDown = true;

  const { outcome, record } = await world.ended(id);

  expect({ outcome, recorded: record.outcome }).toEqual({ outcome: "succeeded", recorded: "succeeded" });
  expect(await world.ledger.lock("production")).toBeUndefined();
});

test("D3 a folder that fills up in the middle of a rollout does not roll a healthy version back", async () => {
  const world = await inServingWorld();
  const id = await world.begin("v1.1.0");
  await world.untilTold(id, /^50 % on/);

  world.faults.recordsFolderDown = true;

  expect((await world.ended(id)).outcome).toBe("succeeded");
});
