/**
 * A world in which `v1.0.0` serves already, without deploying it: every walk began with the same calm deployment, which cost more
 * than a third of it. What is put into the world was left behind by one real deployment, made once in each process;
 * walk-serving.test.ts compares the two.
 */
import type { Json } from "../../src/domain/json.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Split } from "../../src/domain/traffic.ts";
import type { DeploymentRow, ServingRow } from "../../src/ports/ledger.ts";
import type { RunSpec } from "../../src/ports/target.ts";
import { quick } from "./quick.ts";
import { scenarioWorld, type World } from "./world.ts";
import { second } from "./world-settings.ts";

export const stableVersion = "v1.0.0";
/** Of the deployment that is asked for first in each walk. */
const everywhere = { releases: { [stableVersion]: {} }, environments: ["production"], settings: quick };
const never = new AbortController().signal;

export interface LeftBehind {
  readonly deployment: DeploymentRow;
  readonly outcome: Outcome;
  readonly record: Json;
  readonly serving: ServingRow;
  /** In the order in which they were started. */
  readonly started: readonly RunSpec[];
  /** Route → its split. */
  readonly splits: ReadonlyMap<string, Split>;
  /** How many attempts it took: one for the process, one for the lock. */
  readonly attempts: number;
}

let made: Promise<LeftBehind> | undefined;

/** Deploys it for real, the first time that it is asked. */
export function leftBehind(): Promise<LeftBehind> {
  made ??= deployOnce();
  return made;
}

/** A world in which it was deployed for real. Whoever asks disposes it. */
export async function deployedWorld(started: RunSpec[] = []): Promise<World> {
  const world = scenarioWorld({ ...everywhere, requestsPerSecond: 6 });
  const { target } = world.at();
  const start = target.start.bind(target);
  target.start = (spec, ...given) => {
    started.push(spec);
    return start(spec, ...given);
  };
  const { outcome } = await world.deploy(stableVersion);
  if (outcome !== "succeeded") throw new Error(`the first deployment ended as ${outcome}`);
  return world;
}

async function deployOnce(): Promise<LeftBehind> {
  const started: RunSpec[] = [];
  const world = await deployedWorld(started);
  try {
    const [deployment] = await world.ledger.deployments({});
    const serving = await world.ledger.serving("production");
    const record = await world.ledger.record(deployment?.id ?? "");
    if (!deployment?.outcome || !serving || record === undefined) throw new Error("the first deployment left nothing");
    const routes = [...world.at().routers].map(async ([name, router]) => [name, await router.observe(never)] as const);
    const splits = new Map(await Promise.all(routes));
    const { outcome, attempt } = deployment;
    return { deployment, outcome, record, serving, started, splits, attempts: attempt };
  } finally {
    world.dispose();
  }
}

/** Puts it into a fresh world, in two seconds of its time; returns the deployment's id. */
export async function seedServing(world: World): Promise<string> {
  const { ledger } = world;
  const { deployment, outcome, record, serving, started, splits } = await leftBehind();
  const { id } = await ledger.createDeployment(deployment);
  const first = await ledger.beginAttempt(id, { id: "p0", host: "host-1", pid: 0 });
  const locked = await ledger.acquireLock("production", first, deployment.startedBy);
  if (locked.kind !== "acquired") throw new Error(`the lock of a fresh world is ${locked.kind}`);
  const { attempt } = locked;
  const place = world.at();
  await place.target.claim(attempt, never);
  await Promise.all(started.map((spec) => place.target.start(spec, attempt, never)));
  for (const [name, router] of place.routers) await router.shift(splits.get(name) ?? [], attempt, never);
  await world.clock.sleep(second);
  const sinceMs = world.clock.now();
  const detail = { ...(serving.detail as object), sinceMs, deploymentId: id };
  await ledger.setServing({ ...serving, deploymentId: id, sinceMs, detail }, attempt);
  await ledger.saveRecord(id, record);
  await ledger.releaseLock("production", attempt);
  await ledger.finish(id, outcome, attempt);
  await ledger.release(id, attempt);
  return id;
}
