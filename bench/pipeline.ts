/**
 * What the pipeline itself costs: whole deployments whose waits are all zero, on targets in memory, with the real engine and
 * ledger on the database that Sluice brings along, warm; and how many a second pass in virtual time, as the scenarios run them.
 * `node bench/pipeline.ts [--json]`; about 10 seconds. Exit code 1 where the promised limit was not kept.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { deploymentFlow, registerFlows } from "../src/app/flows.ts";
import { asJson } from "../src/domain/json.ts";
import { dbosFlowEngine } from "../src/engine/dbos/flow-engine.ts";
import { postgresLedger } from "../src/engine/ledger/postgres-ledger.ts";
import { testDatabase } from "../src/engine/test-database.ts";
import type { Flow, FlowEngine } from "../src/ports/flow.ts";
import type { Ledger } from "../src/ports/ledger.ts";
import { realClock } from "../src/testing/real-clock.ts";
import { quick } from "../test/scenarios/quick.ts";
import { scenarioWorld } from "../test/scenarios/world.ts";
import { type Fakes, openFakes } from "../test/scenarios/world-fakes.ts";
import { partsOf } from "../test/scenarios/world-parts.ts";
import type { ReleaseBehaviour } from "../test/scenarios/world-sources.ts";
import type { Figure } from "./router-throughput.ts";
import { median, report } from "./whole-process.ts";

const runs = 5;
const limitSeconds = 1;
const virtualDeployments = 60;

const atOnce: ReleaseBehaviour = { start: { kind: "ready", afterMs: 0 } };
const versions = Array.from({ length: runs + 1 }, (_, at) => `v1.${at}.0`);

function withoutWaits(): Fakes {
  const steps = [5, 50, 100].map((percent) => ({ percent, bakeMs: 0 }));
  return openFakes(
    {
      releases: Object.fromEntries(
        versions.map((version, at) => [
          version,
          { ...atOnce, migrations: [{ id: `m${at}`, sql: "ALTER TABLE t ADD c int" }] },
        ]),
      ),
      environments: ["production"],
      settings: { rollout: { steps, checkEveryMs: 10 }, observation: { durationMs: 0 } },
      toolsMs: 0,
    },
    realClock(),
  );
}

/** Every call of the journal, as the pipeline makes it. */
function counting(engine: FlowEngine, count: () => void): FlowEngine {
  const counted = (flow: Flow): Flow =>
    new Proxy(flow, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        return (...given: unknown[]) => {
          count();
          return Reflect.apply(member, target, given) as unknown;
        };
      },
    });
  return { ...engine, register: (name, body) => engine.register(name, (flow, input) => body(counted(flow), input)) };
}

async function deploy(version: string, fakes: Fakes, ledger: Ledger, engine: FlowEngine): Promise<number> {
  const { settings } = fakes.environment();
  const commit = await fakes.source.resolve({ kind: "tag", name: version }, new AbortController().signal);
  const startedAtMs = performance.now();
  const deployRequest = { ref: { kind: "tag", name: version }, commit: commit?.sha ?? null, approvalsRequired: 0 };
  const { id } = await ledger.createDeployment({
    id: `${Math.floor(Date.now() / 1000)}-${commit?.sha.slice(0, 12)}`,
    project: settings.project,
    environment: settings.environment,
    kind: "deploy",
    version,
    commit: commit?.sha ?? "",
    startedBy: "bench",
    input: asJson({ settings, projectFolder: "/", deploy: deployRequest, rollback: null }),
    applicationVersion: "bench",
  });
  await engine.start(deploymentFlow, id, {});
  await engine.settled(id);
  const tookSeconds = (performance.now() - startedAtMs) / 1000;
  const row = await ledger.deployment(id);
  if (row?.outcome !== "succeeded") throw new Error(`${version} ended as ${row?.outcome}`);
  return tookSeconds;
}

async function onRealEngine(): Promise<{ readonly seconds: readonly number[]; readonly journalCalls: number }> {
  const database = await testDatabase();
  const ledger = await postgresLedger({ url: database.url });
  const fakes = withoutWaits();
  const executor = { id: `bench-${process.pid}`, host: "bench", pid: process.pid };
  const engine = dbosFlowEngine({ url: database.url, executorId: executor.id, applicationVersion: "bench" });
  let calls = 0;
  const { settings, place } = fakes.environment();
  const shared = { ...fakes.shared, ledger };
  registerFlows(
    counting(engine, () => calls++),
    { clock: realClock(), ledger, executor, wire: () => partsOf(settings, place, shared, (part) => part) },
  );
  try {
    await engine.launch();
    // The first has no stable version beside it, and finds the engine cold.
    await deploy(versions[0] ?? "", fakes, ledger, engine);
    calls = 0;
    const seconds: number[] = [];
    for (const version of versions.slice(1)) seconds.push(await deploy(version, fakes, ledger, engine));
    return { seconds, journalCalls: calls / runs };
  } finally {
    await engine.shutdown();
    await ledger.close();
    await database.remove();
  }
}

async function inVirtualTime(): Promise<number> {
  const startedAtMs = performance.now();
  for (let seed = 1; seed <= virtualDeployments / 2; seed++) {
    const world = scenarioWorld({ settings: quick, requestsPerSecond: 20, seed });
    await world.deploy("v1.0.0");
    await world.deploy("v1.1.0");
    world.dispose();
  }
  return (1_000 * virtualDeployments) / (performance.now() - startedAtMs);
}

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const { seconds, journalCalls } = await onRealEngine();
const figures: readonly Figure[] = [
  {
    what: `whole pipeline, no waits, targets in memory, warm engine (of ${runs})`,
    value: median(seconds),
    unit: "s",
    limit: limitSeconds,
  },
  { what: "the slowest of them", value: Math.max(...seconds), unit: "s" },
  { what: "journal calls of one deployment", value: journalCalls, unit: "" },
  { what: "whole deployments in virtual time", value: await inVirtualTime(), unit: "/s" },
];
report("pipeline", figures, values.json);
