/**
 * Whole deployments that bake at the same time in one process: the real pipeline on the simulated engine, in virtual time, with a
 * ledger and parts in memory. Argument: how many. Tells on its output what it took, as one line of JSON.
 */
import { type DeploymentInput, deploymentFlow, registerFlows } from "../src/app/flows.ts";
import { asJson } from "../src/domain/json.ts";
import { virtualClock } from "../src/engine/simulated/virtual-clock.ts";
import { simulatedWorld } from "../src/engine/simulated/world.ts";
import { mulberry32 } from "../test/scenarios/world.ts";
import { openFakes } from "../test/scenarios/world-fakes.ts";
import { partsOf } from "../test/scenarios/world-parts.ts";
import { minute, scenarioSettings, second } from "../test/scenarios/world-settings.ts";

const count = Number(process.argv[2] ?? 10_000);
/** Longer than it takes, in virtual time, until the last one bakes. */
const bakeMs = minute;

const startedAtMs = performance.now();
const clock = virtualClock();
const environments = Array.from({ length: count }, (_, at) => `env-${at}`);
/** A release where nothing serves yet has no split to bake at: it is observed at 100 % instead, which is the same wait. */
const { limits } = scenarioSettings("production").observation;
const settings = {
  observation: { durationMs: bakeMs, everyMs: 15 * second, limits: { ...limits, minRequests: 5 } },
};
const fakes = openFakes({ environments, toolsMs: 0, settings }, clock);
// What a channel was told stays in memory for every test to read; here nobody reads it.
const shared = { ...fakes.shared, notifiers: [] };
const executor = { id: "bench", host: "bench", pid: process.pid };
const engine = simulatedWorld({ clock }).engine(executor.id);
registerFlows(engine, {
  clock,
  ledger: shared.ledger,
  executor,
  wire(row) {
    const { settings: own, place } = fakes.environment(row.environment);
    return partsOf({ ...own, notify: [] }, place, shared, (part) => part);
  },
});

const commit = (await fakes.source.resolve({ kind: "tag", name: "v1.0.0" }, new AbortController().signal))?.sha ?? "";
const deploy = { ref: { kind: "tag", name: "v1.0.0" }, commit, approvalsRequired: 0 } as const;
let underWay = 0;
let most = { underWay: 0, rssMiB: 0 };

async function run(environment: string): Promise<void> {
  const { settings: own } = fakes.environment(environment);
  const input: DeploymentInput = { settings: own, projectFolder: "/project", deploy, rollback: null };
  const { id } = await shared.ledger.createDeployment({
    id: `d-${environment}`,
    project: own.project,
    environment,
    kind: "deploy",
    version: "v1.0.0",
    commit,
    startedBy: "bench",
    input: asJson(input),
    applicationVersion: "bench",
  });
  await engine.start(deploymentFlow, id, {});
  underWay++;
  await engine.settled(id);
  underWay--;
  const ended = await shared.ledger.deployment(id);
  if (ended?.outcome !== "succeeded") throw new Error(`${id} ended as ${ended?.outcome}`);
}

async function watch(): Promise<void> {
  for (;;) {
    await clock.sleep(5 * second);
    const rssMiB = process.memoryUsage().rss / 2 ** 20;
    most = { underWay: Math.max(most.underWay, underWay), rssMiB: Math.max(most.rssMiB, rssMiB) };
  }
}

/** One request a second to each component of each environment. */
async function clients(): Promise<void> {
  const chance = mulberry32(1);
  for (;;) {
    await clock.sleep(second);
    for (const { place } of fakes.environments.values()) place.serveOneSecond(1, chance);
  }
}

const beganAtMs = clock.now();
void watch();
void clients();
await Promise.all(environments.map(run));
const virtualSeconds = (clock.now() - beganAtMs) / 1_000;
clock.stop();
console.log(JSON.stringify({ ...most, seconds: (performance.now() - startedAtMs) / 1_000, virtualSeconds }));
