/** Continues what a dead process left, one deployment or all that nobody runs any more; and ends a pause. */

import { isAbandoned } from "../../app/abandoned.ts";
import { machineClock } from "../../app/clock.ts";
import type { DeploymentRow } from "../../app/model.ts";
import { begunByOtherVersion, isOtherVersions, type OtherVersion } from "../../app/other-versions.ts";
import { startWorker } from "../../app/start-worker.ts";
import { isPaused } from "../../domain/steering.ts";
import { deploymentOf } from "../find.ts";
import { follow } from "../follow.ts";
import type { Session } from "../session.ts";
import { tellOtherVersions } from "../tell-other-versions.ts";
import { endPause } from "./steer.ts";

/** A lease ends by itself; longer than any sensible one, somebody really is running it. */
const leaseWaitMs = 15_000;

export interface ResumeOptions {
  readonly wait?: boolean;
  readonly detach?: boolean;
  readonly dryRun?: boolean;
  /** Of the end of a pause. */
  readonly reason?: string;
}

export async function resumeCommand(session: Session, id: string | undefined, options: ResumeOptions): Promise<number> {
  const named = id === undefined ? undefined : await deploymentOf(session, id);
  const otherVersions = await tellOtherVersions(session);
  const answer = named && answerFor(session, named, options);
  if (answer !== undefined) return answer;
  const open = named ? [named] : await unfinished(session);
  const [first] = open;
  if (first === undefined) return nothingToResume(session, otherVersions);
  if (options.dryRun) {
    session.output.result(
      { wouldResume: open.map((row) => row.id), otherVersions },
      open.map((row) => `would resume ${row.id} (${row.version} to ${row.environment})`).join("\n"),
    );
    return 0;
  }
  const knownUpTo = await lastEvent(session, first.id);
  for (const row of open) await resumeOne(session, row);
  if (options.detach) return 0;
  return follow(session, first.id, { wait: options.wait ?? false, revive: true, justStarted: true, knownUpTo });
}

/** Undefined: there is something to resume. */
function answerFor(session: Session, named: DeploymentRow, options: ResumeOptions): Promise<number> | undefined {
  // Whether it ended a moment before or a moment after this was typed, the answer is the same.
  if (named.state === "ended") return follow(session, named.id, { wait: false, revive: false });
  if (isOtherVersions(named)) throw begunByOtherVersion(named);
  return isPaused(named.steering) ? endPause(session, named, options) : undefined;
}

function nothingToResume({ output }: Session, otherVersions: readonly OtherVersion[]): number {
  const words = otherVersions.length > 0 ? "nothing that this version could resume" : "nothing is unfinished";
  output.result({ resumed: [], otherVersions }, words);
  output.next("sluice status");
  return 0;
}

/** What happened before the resume was told when it happened; `sluice logs` tells it again. */
async function lastEvent(session: Session, id: string): Promise<number> {
  const { ledger } = await session.state();
  return (await ledger.events(id, 0)).at(-1)?.seq ?? 0;
}

async function unfinished(session: Session): Promise<readonly DeploymentRow[]> {
  const state = await session.knownState();
  if (state === undefined) return [];
  const { configuration } = await session.project();
  const rows = await state.ledger.deployments({ project: configuration.project, unfinished: true });
  return rows.filter((row) => !isOtherVersions(row));
}

async function resumeOne(session: Session, row: DeploymentRow): Promise<void> {
  if (!(await nobodyRuns(session, row.id))) {
    session.output.progress(
      `${row.id} is run by process ${row.executor?.pid} on ${row.executor?.host}; nothing to resume.`,
    );
    return;
  }
  startWorker(row.id, session);
  session.output.event(
    { type: "resumed", deployment: row.id },
    `resuming ${row.version} to ${row.environment}: deployment ${row.id}`,
  );
}

async function nobodyRuns(session: Session, id: string): Promise<boolean> {
  const { ledger } = await session.state();
  const until = machineClock.now() + leaseWaitMs;
  let heartbeat: number | undefined;
  while (machineClock.now() < until) {
    const row = await ledger.deployment(id);
    if (row === undefined || isAbandoned(row)) return true;
    // A second heartbeat proves that somebody lives; without one the lease will run out.
    if (heartbeat !== undefined && row.executor !== null && row.executor.heartbeatAtMs > heartbeat) return false;
    heartbeat ??= row.executor?.heartbeatAtMs;
    await machineClock.sleep(100);
  }
  return false;
}
