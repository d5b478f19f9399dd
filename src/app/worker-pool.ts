/**
 * One process that runs deployments to their ends, as many as it is given: one engine, launched when the first one comes, and
 * a flow for each. A worker is a pool of one.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Attempt } from "../domain/attempt.ts";
import { dbosFlowEngine } from "../engine/dbos/flow-engine.ts";
import { deliverLeft, deliverNotifications } from "../pipeline/outbox.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Clock } from "../ports/clock.ts";
import { type FlowEngine, FlowLost, type FlowState } from "../ports/flow.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import { isAbandoned } from "./abandoned.ts";
import { quarantineBroken } from "./broken-flow.ts";
import { deploymentClock, forgetClock, machineClock } from "./clock.ts";
import { leavesCrashLoop } from "./crash-loop.ts";
import { deploymentFlow, type Executor, inputOf, registerFlows } from "./flows.ts";
import { gatheredLedger } from "./gathered-ledger.ts";
import { applicationVersion, begunByOtherVersion, isOtherVersions } from "./other-versions.ts";
import type { State } from "./state.ts";
import { type Surroundings, wire } from "./wire.ts";

/** Called between the moment in which this process is in charge of an abandoned deployment and the moment it goes on. */
export type Charged = (attempt: Attempt) => Promise<void>;

export interface WorkerPool {
  readonly executor: Executor;
  /** Deployments under way here. */
  readonly running: ReadonlySet<string>;
  readonly partsOf: (row: DeploymentRow) => Parts;
  /** Connects, so that a takeover need not wait for it. */
  ready(): Promise<void>;
  /**
   * Starts the deployment, or takes it over from a process that is dead. Resolves when it has ended here; rejects with FlowLost
   * where another process runs it or took it over, with OTHER_VERSION where it is not ours to run.
   */
  run(deploymentId: string, charged?: Charged): Promise<void>;
  /** What is under way stays unfinished and can be taken over. */
  close(): Promise<void>;
}

export interface PoolSurroundings {
  readonly state: State;
  /** Absolute. */
  readonly stateFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Instead of the parts that a row's settings name. */
  readonly partsFor?: (row: DeploymentRow, surroundings: Pick<Surroundings, "clock" | "ledger">) => Parts;
}

/** How long a process stays for notifications that could not be delivered; they are kept and shown, whatever happens. */
const flushForMs = 3_000;

export const thisExecutor = (): Executor => ({
  id: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
  host: hostname(),
  pid: process.pid,
});

/** One at a time per process: the engine is a singleton of it. */
export function openPool(around: PoolSurroundings): WorkerPool {
  const { state, stateFolder, environment, partsFor } = around;
  const running = new Set<string>();
  const ledger = gatheredLedger(state.ledger, machineClock, () => running.size);
  const executor = thisExecutor();
  const clocks = new Map<string, Clock>();
  const clockOf = (id: string): Clock => {
    const clock = clocks.get(id) ?? deploymentClock(stateFolder, id);
    clocks.set(id, clock);
    return clock;
  };
  const nowOf = (id: string) => clockOf(id).now();
  const engine = dbosFlowEngine({ url: state.url, executorId: executor.id, applicationVersion, nowOf });
  const wired: NonNullable<typeof partsFor> = (row, own) =>
    wire(inputOf(row).settings, {
      ...own,
      projectFolder: inputOf(row).projectFolder,
      stateFolder,
      environment,
    });
  const partsOf = (row: DeploymentRow) => (partsFor ?? wired)(row, { clock: clockOf(row.id), ledger });
  registerFlows(engine, { clock: machineClock, ledger, executor, wire: partsOf, reviveLedger: state.revive });
  const letGo = async (id: string) => {
    clocks.delete(id);
    const row = await ledger.deployment(id).catch(() => undefined);
    if (row?.state === "ended") forgetClock(stateFolder, id);
  };
  let launched: Promise<void> | undefined;
  const ready = () => {
    launched ??= engine.launch().catch((thrown: unknown) => {
      // A database that was away comes back.
      launched = undefined;
      throw thrown;
    });
    return launched;
  };
  const here = { state, engine, executor, partsOf, ready };
  return {
    executor,
    running,
    partsOf,
    ready,
    async run(id, charged) {
      running.add(id);
      try {
        await runHere(id, here, charged);
      } finally {
        running.delete(id);
        await letGo(id);
      }
    },
    close: () => engine.shutdown(),
  };
}

interface Here extends Pick<WorkerPool, "executor" | "partsOf" | "ready"> {
  readonly state: State;
  readonly engine: FlowEngine;
}

async function runHere(id: string, here: Here, charged?: Charged): Promise<void> {
  const { state, engine, executor, partsOf, ready } = here;
  const { ledger } = state;
  // Before the engine is launched: nothing is written for a deployment that is not ours to run.
  const found = await ledger.deployment(id);
  if (found && isOtherVersions(found)) throw begunByOtherVersion(found);
  await ready();
  const flow = await engine.state(id);
  // One that was only just begun has nobody before us; who is first to start its flow runs it.
  const isNew = found === undefined || (flow === undefined && charged === undefined);
  if (!isNew && !(await takeCharge(found, here, charged))) return;
  const end = await endOf(id, flow, engine);
  const row = await ledger.deployment(id);
  if (row && end.kind === "broken") await quarantineBroken(ledger, executor, row, end.error);
  if (row) await flush(partsOf(row), id);
}

/** One that has ended or broken, wherever that was, has no run here whose end could be waited for. */
async function endOf(id: string, flow: FlowState | undefined, engine: FlowEngine): Promise<FlowState> {
  if (flow && flow.kind !== "running") return flow;
  if (flow === undefined) await engine.start(deploymentFlow, id, {});
  else await engine.takeOver(id);
  return engine.settled(id);
}

/** The ledger decides who comes after a dead process. False: there is nothing left to run. */
async function takeCharge(
  row: DeploymentRow,
  { state: { ledger }, executor }: Here,
  charged?: Charged,
): Promise<boolean> {
  if (row.state === "ended") return true;
  if (!isAbandoned(row)) throw runElsewhere(row);
  const attempt = await ledger.beginAttempt(row.id, executor, row.attempt).catch((thrown: unknown) => {
    throw refusedAsStale(thrown) ? runElsewhere(row) : thrown;
  });
  if (!(await leavesCrashLoop(ledger, row, attempt))) return false;
  await (charged ?? nothingToTell)(attempt);
  return true;
}

const nothingToTell = async (): Promise<void> => undefined;

const refusedAsStale = (thrown: unknown): boolean =>
  (thrown as { readonly failure?: { readonly code?: string } }).failure?.code === "STALE_ATTEMPT";

const runElsewhere = ({ id, executor }: DeploymentRow): FlowLost =>
  new FlowLost(`another process was quicker${executor ? ` or still runs it (pid ${executor.pid})` : ""}: ${id}`);

async function flush(parts: Parts, deploymentId: string): Promise<void> {
  const until = machineClock.now() + flushForMs;
  const isWaited = async () =>
    (await parts.ledger.undelivered(deploymentId)).some(({ gaveUpAtMs }) => gaveUpAtMs === null);
  while ((await isWaited()) && machineClock.now() < until) {
    await deliverNotifications(parts, deploymentId, AbortSignal.timeout(flushForMs));
    await machineClock.sleep(100);
  }
  await deliverLeft(parts, AbortSignal.timeout(flushForMs));
}
