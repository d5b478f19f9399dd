/**
 * L1 rule 4: a cancel is heard in the middle of every long step. The step ends, what was begun is undone in reverse, the lock goes
 * last, and what could not be undone is said.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ledgerFacts, migrationEffects, untilEvent } from "../crash/evidence.ts";
import { eventually } from "./processes.ts";
import { jsonLines, type TinyProject, tinyProject, told } from "./project.ts";

/** Beats every 200 ms; the time that a cancel may take to be heard and obeyed, on a machine that has other things to do. */
const heardWithinMs = 6_000;

let project: TinyProject;
let silent: Server;
/** The stable version is verified by the same suite after the traffic went back. */
let answers = false;
let leftWaiting = 0;

const longBuild = 'require("node:fs").existsSync("long-build") && setTimeout(() => {}, 120000)';

beforeAll(async () => {
  silent = createServer((_, response) => {
    if (answers) response.end();
    else leftWaiting++;
  });
  await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  project = await tinyProject({
    load: 20,
    database: true,
    releases: [
      { tag: "v1.0.0", behaviour: "healthy", migrations: ["m1"] },
      { tag: "v2.0.0", behaviour: "healthy", migrations: ["m1", "m2"] },
      { tag: "v2.1.0", behaviour: "never-ready", migrations: ["m1"] },
    ],
    component: [`build: [["node", "-e", ${JSON.stringify(longBuild)}]]`],
    environment: {
      lock: "{ lease: 3s, heartbeat: 200ms }",
      rollout:
        "{ steps: [{ percent: 100, bake: 0s }], checkEvery: 100ms, drainTimeout: 2s, limits: { errorRate: off, errorRateRise: off, meanLatency: off, p95Latency: off }, unattended: 20s, keepStable: 0s, verdict: { mode: off } }",
    },
  });
  const first = await project.sluice("deploy", "production", "v1.0.0");
  expect(first.exitCode, told(first)).toBe(0);
  // From here on: a service whose answer never comes is part of the suite, and a candidate has a minute to be ready.
  await project.configure({
    smoke: `{ suite: essential, timeout: 60s, checks: [{ kind: http, name: silent, url: "http://127.0.0.1:${port}/", timeout: 60s, overall: 60s, retries: 0 }] }`,
  });
  const file = join(project.folder, "sluice.yaml");
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace("interval: 20ms, timeout: 3s", "interval: 20ms, timeout: 60s"),
  );
  await tagWith("v3.0.0", "long-build", "");
  await tagWith("v4.0.0", "migrate.mjs", slowApply(), ["rm", "long-build"]);
}, 90_000);

afterAll(async () => {
  await project?.stop();
  silent?.closeAllConnections();
  silent?.close();
});

/** The tool's own, but it stops for two minutes inside its transaction. */
const slowApply = (): string =>
  readFileSync(join(project.folder, "migrate.mjs"), "utf8").replace(
    'db.exec("commit");\n}\ndb.close',
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120000);\n  db.exec("commit");\n}\ndb.close',
  );

async function tagWith(tag: string, file: string, content: string, before?: readonly string[]): Promise<void> {
  await project.git("checkout", "--quiet", "main");
  if (before) await project.git(...before);
  writeFileSync(join(project.folder, file), content);
  writeFileSync(join(project.folder, "behaviour"), "healthy\n");
  writeFileSync(join(project.folder, "migrations", "m2.sql"), "-- m2\n");
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "--message", tag);
  await project.git("tag", tag);
}

async function cancelIn(version: string, step: string) {
  answers = false;
  leftWaiting = 0;
  const began = await project.sluice("deploy", "production", version, "--detach", "--json");
  const id = jsonLines(began)[0]?.deployment ?? told(began);
  await untilEvent(project, id, `${step} has begun`, (event) => event.step === step && event.phase === "begin");
  // Its check is sent a moment after the step has begun.
  if (step === "smoke") await eventually("the silent service is asked", async () => leftWaiting > 0);
  answers = true;
  const cancelled = await project.sluice("cancel", id, "--reason", "changed my mind");
  const ran = await project.sluice("resume", id, "--wait", "--json");
  const facts = await ledgerFacts(project, id);
  const end = facts.events.find((event) => event.step === step && event.phase === "end");
  const heardMs = (end?.atMs ?? Number.NaN) - (facts.row.cancelRequested?.atMs ?? Number.NaN);
  console.log(`cancelled during ${step}: it ended ${heardMs} ms after the cancel was stored`);
  return {
    id,
    cancelled,
    ran,
    facts,
    heardMs,
    undone: facts.events.filter(({ phase }) => phase === "end").map((one) => one.step),
  };
}

async function expectCancelled({
  cancelled,
  ran,
  facts,
  heardMs,
}: Awaited<ReturnType<typeof cancelIn>>): Promise<void> {
  expect(cancelled.exitCode, told(cancelled)).toBe(0);
  expect(ran.exitCode, told(ran)).toBe(9);
  expect(facts.row.outcome).toBe("cancelled");
  expect(facts.lock, "the lock is free").toBeUndefined();
  expect(facts.record, "the record is written").toBeDefined();
  expect(facts.serves).toBe("v1.0.0");
  expect(heardMs, "heard in time").toBeLessThan(heardWithinMs);
  expect((await project.ask())?.version).toBe("v1.0.0");
  await project.settled();
  expect(await project.instances(), "only the stable version runs").toHaveLength(1);
}

test("L1 during a long build: its processes end, and nothing was touched", { timeout: 120_000 }, async () => {
  const seen = await cancelIn("v3.0.0", "build");

  await expectCancelled(seen);
  expect(
    (await project.processes()).filter(({ command }) => command.includes("setTimeout")),
    "the build is gone",
  ).toEqual([]);
});

test("L1 during a long migration: it is ended, and the story says what is applied and what is not", {
  timeout: 120_000,
}, async () => {
  const seen = await cancelIn("v4.0.0", "migrate");

  await expectCancelled(seen);
  const said = seen.facts.events.find(({ title }) => title.includes("was interrupted"));
  expect(said?.title).toMatch(/main was interrupted: m2 not applied as a whole/);
  expect(migrationEffects(project)).toEqual(["m1"]);
});

test("L1 while a backup waits for a database that others hold", { timeout: 120_000 }, async () => {
  const holder = new DatabaseSync(project.databaseFile ?? "");
  const began = project.sluice("deploy", "production", "v2.1.0", "--detach", "--json");
  const id = jsonLines(await began)[0]?.deployment ?? "";
  // Pre-flight reads the database as well: it is held from the moment the lock is taken.
  await untilEvent(project, id, "the lock is held", (event) => event.step === "lock" && event.phase === "end");
  holder.exec("begin exclusive");
  await project.sluice("cancel", id, "--reason", "changed my mind");
  const ran = await project.sluice("resume", id, "--wait", "--json");
  holder.exec("rollback");
  holder.close();

  const facts = await ledgerFacts(project, id);
  expect(ran.exitCode, told(ran)).toBe(9);
  expect(facts.row.outcome).toBe("cancelled");
  expect(facts.lock).toBeUndefined();
  await project.settled();
});

test("L1 while a candidate does not get ready: it is stopped", { timeout: 120_000 }, async () => {
  const seen = await cancelIn("v2.1.0", "start");

  await expectCancelled(seen);
  expect(seen.undone).toContain("undo start");
});

test("L1 while a smoke check gets no answer: traffic goes back, in reverse order, and the lock goes last", {
  timeout: 120_000,
}, async () => {
  const seen = await cancelIn("v2.0.0", "smoke");

  await expectCancelled(seen);
  const undone = seen.undone.filter((step) => step.startsWith("undo "));
  expect(undone.indexOf("undo rollout")).toBeGreaterThanOrEqual(0);
  expect(undone.indexOf("undo start")).toBeGreaterThan(undone.indexOf("undo rollout"));
});
