/**
 * Looks for deployments that nobody runs any more and takes them over. Of several reapers the ledger lets one win
 * (`beginAttempt`), so that any number may look.
 *
 * Left alone: what another version of Sluice began, what is quarantined, what belongs to another machine or folder, and what
 * needs a secret that this process was not given. The target of today's only kind, `process`, is this machine's own, and source,
 * artifacts and records are the project folder's: a deployment is bound to the machine that ran it last, or on which it was
 * asked for, and to the folder in its row.
 */
import type { Attempt } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import { ruleOnTakeOver } from "../domain/taking-over.ts";
import { FlowLost } from "../ports/flow.ts";
import type { DeploymentRow, Ledger, UnderWay } from "../ports/ledger.ts";
import { isAbandoned, isDead } from "./abandoned.ts";
import { giveUp, takeOversOf, tellTakeOver } from "./crash-loop.ts";
import type { DeploymentInput } from "./deployment-input.ts";
import { isOtherVersions, otherVersionOf, otherVersionText } from "./other-versions.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface ReaperOptions {
  readonly ledger: Ledger;
  readonly host: string;
  /** Absolute. */
  readonly projectFolder: string;
  /** Made when the first deployment is taken over. */
  readonly pool: () => Promise<Pick<WorkerPool, "executor" | "partsOf" | "ready" | "run">>;
  /** Its worker was started and has died before it had begun. */
  readonly neverBegins: (deploymentId: string) => boolean;
  /** Runs in this process. */
  readonly isHere: (deploymentId: string) => boolean;
  readonly tell: (text: string, deploymentId: string) => void;
}

export interface Looked {
  /** Unfinished deployments that a reaper here would go on with if their process died. */
  readonly watched: number;
  readonly taken: number;
}

/** Nobody knows of a worker of its own, e.g. since a job in CI was to run it: one that has not begun by then never will. */
const startUpMs = 15_000;
/** At once; each holds a connection of the ledger now and then. */
const lanes = 4;

export function openReaper(options: ReaperOptions): { look(): Promise<Looked> } {
  const { ledger, tell } = options;
  const told = new Set<string>();
  const tellOnce = (text: string, id: string) => {
    if (told.has(id)) return;
    told.add(id);
    tell(text, id);
  };
  /** Heartbeats that were too old at the look before: a machine that woke up gives its processes a second to show themselves. */
  let silent = new Map<string, number>();

  const isSilent = ({ id, executor }: UnderWay): boolean =>
    executor !== null && silent.get(id) === executor.heartbeatAtMs;

  return {
    async look() {
      const rows = await ledger.underWay(belongsBy);
      for (const row of rows.filter(isOtherVersions)) tellOnce(otherVersionText(otherVersionOf(row)), row.id);
      const ours = rows.filter((row) => isOurs(row, options));
      const nowMs = ours.length > 0 ? await ledger.now() : 0;
      const abandoned = ours.filter((row) => !options.isHere(row.id) && isAbandoned(row));
      const due = abandoned.filter((row) =>
        row.executor === null
          ? options.neverBegins(row.id) || nowMs - row.createdAtMs > startUpMs
          : isDead(row) || isSilent(row),
      );
      silent = new Map(abandoned.map(({ id, executor }) => [id, executor?.heartbeatAtMs ?? 0]));
      const taken = await inLanes(due, (row) => reap(row, nowMs, { ...options, tellOnce }));
      return { watched: ours.length, taken: taken.filter(Boolean).length };
    },
  };
}

/** By what a deployment belongs to a folder and, until somebody has begun it, to a machine. */
const belongsBy = ["projectFolder", "host"] as const satisfies readonly (keyof DeploymentInput)[];

function isOurs(row: UnderWay, { host, projectFolder }: Pick<ReaperOptions, "host" | "projectFolder">): boolean {
  if (isOtherVersions(row) || row.state === "quarantined") return false;
  const input: Pick<Partial<DeploymentInput>, (typeof belongsBy)[number]> = row.inputPart;
  return input.projectFolder === projectFolder && (row.executor?.host ?? input.host) === host;
}

interface Reaping extends ReaperOptions {
  readonly tellOnce: (text: string, deploymentId: string) => void;
}

/** True: it is run here from now on. Whatever is wrong with one deployment must not keep the others waiting. */
async function reap({ id }: UnderWay, nowMs: number, reaping: Reaping): Promise<boolean> {
  try {
    const row = await reaping.ledger.deployment(id);
    return row !== undefined && row.outcome === null && (await takeOverOrGiveUp(row, nowMs, reaping));
  } catch (thrown) {
    if (!wasQuicker(thrown)) reaping.tellOnce(`${id} cannot be taken over: ${(thrown as Error).message}`, id);
    return false;
  }
}

async function takeOverOrGiveUp(row: DeploymentRow, nowMs: number, reaping: Reaping): Promise<boolean> {
  const { ledger, tell, tellOnce } = reaping;
  const pool = await reaping.pool();
  const parts = pool.partsOf(row);
  const missing = parts.secrets.missing().flatMap(({ name, required }) => (required ? [name] : []));
  if (missing.length > 0) {
    tellOnce(
      `${row.id} is left alone: ${missing.join(", ")} is not set here. Where it is set: sluice resume ${row.id}`,
      row.id,
    );
    return false;
  }
  const ruling = ruleOnTakeOver(await takeOversOf(ledger, row.id), nowMs);
  if (ruling.kind === "later") return false;
  if (ruling.kind === "give-up") {
    await giveUp(parts, row, pool.executor, ruling.why);
    tell(`${row.id} is given up and quarantined: ${ruling.why}`, row.id);
    return false;
  }
  // First the engine, then the charge: the lease runs from the moment in which it is ours.
  await pool.ready();
  return runFromNowOn(row, pool, reaping);
}

/** Resolves as soon as it is decided who is in charge. */
function runFromNowOn(
  row: DeploymentRow,
  pool: Pick<WorkerPool, "executor" | "run">,
  { ledger, tell }: Reaping,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const charged = async (attempt: Attempt) => {
    await tellTakeOver(ledger, row, attempt, pool.executor);
    tell(`takes over ${row.version} to ${row.environment}: deployment ${row.id}`, row.id);
    resolve(true);
  };
  pool
    .run(row.id, charged)
    .catch((thrown: unknown) => {
      if (!wasQuicker(thrown)) tell(`${row.id} cannot go on here: ${(thrown as Error).message}`, row.id);
    })
    .finally(() => resolve(false));
  return promise;
}

const wasQuicker = (thrown: unknown): boolean =>
  thrown instanceof FlowLost || (thrown instanceof SluiceError && thrown.failure.code === "STALE_ATTEMPT");

async function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const waiting = [...items];
  const done: R[] = [];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) done.push(await work(item));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return done;
}
