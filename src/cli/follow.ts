/**
 * Follows a deployment by its events until it ends, waits for people, or its follower leaves. When its worker dies, another
 * one is started: the deployment does not depend on the process that began it.
 */
import { isAbandoned, startWorker } from "../app/start-worker.ts";
import { machineClock } from "../app/clock.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import type { Failure } from "../domain/errors.ts";
import { exitCodeOf, exitCodeOfFailure, exitCodes } from "../domain/outcome.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";
import type { Session } from "./session.ts";
import { openStory } from "./story.ts";

export interface FollowOptions {
  /** Stay while it waits for people; otherwise leave with exit code 8. */
  readonly wait: boolean;
  /** Also start another worker when the one in charge has died. */
  readonly revive: boolean;
}

const pollMs = 120;
/** A worker needs a moment from its start to its first heartbeat. */
const startUpMs = 15_000;

export async function follow(session: Session, deploymentId: string, options: FollowOptions): Promise<number> {
  const { ledger } = await session.state();
  const story = openStory(session.output);
  const stopped = new AbortController();
  const onInterrupt = () => stopped.abort();
  process.once("SIGINT", onInterrupt);
  process.once("SIGTERM", onInterrupt);
  let seen = 0;
  let revivedAtMs = machineClock.now();
  try {
    for (;;) {
      const row = await ledger.deployment(deploymentId);
      if (row === undefined) throw new Error(`there is no deployment ${deploymentId}`);
      for (const event of await ledger.events(deploymentId, seen)) {
        seen = event.seq;
        story.tell(event, row);
      }
      if (row.state === "ended" && row.outcome !== null) return await ended(session, ledger, row, story);
      if (row.state === "quarantined") return leave(session, row, exitCodes.undecided, `sluice cancel ${row.id} --release --reason "…"`);
      if (row.state === "waiting" && !options.wait && waitsForPeople(await ledger.events(deploymentId, 0))) {
        return leave(session, row, exitCodes.waitingForApproval, `sluice approve ${row.id}`);
      }
      if (stopped.signal.aborted) {
        session.output.progress("Following stopped; the deployment goes on.");
        return leave(session, row, exitCodes.followingStopped, `sluice logs ${row.id} --follow`);
      }
      if (options.revive && isAbandoned(row) && machineClock.now() - revivedAtMs > startUpMs) {
        revivedAtMs = machineClock.now();
        session.output.progress(`The process that ran it (pid ${row.executor?.pid ?? "?"}) is gone; another one takes over.`);
        startWorker(deploymentId, { projectFolder: session.projectFolder, stateFolder: session.project().stateFolder });
      }
      story.redraw(row, machineClock.now());
      await machineClock.sleep(pollMs, stopped.signal).catch(() => undefined);
    }
  } finally {
    story.close();
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onInterrupt);
  }
}

const waitsForPeople = (events: readonly DeploymentEvent[]): boolean =>
  (events.at(-1)?.detail as { readonly waitingForApproval?: boolean } | undefined)?.waitingForApproval === true;

function leave(session: Session, row: DeploymentRow, exitCode: number, next: string): number {
  session.output.event({ type: "left", deployment: row.id, state: row.state, exitCode, next }, undefined);
  session.output.next(next);
  return exitCode;
}

async function ended(session: Session, ledger: Ledger, row: DeploymentRow, story: ReturnType<typeof openStory>): Promise<number> {
  const record = (await ledger.record(row.id)) as { readonly failure?: Failure | null; readonly folder?: string; readonly serves_now?: string } | undefined;
  const failure = record?.failure ?? null;
  const outcome = row.outcome ?? "failed";
  const exitCode = failure ? exitCodeOfFailure(failure.code, outcome) : exitCodeOf(outcome);
  const undelivered = (await ledger.undelivered(row.id)).length;
  const result = {
    type: "ended",
    deployment: row.id,
    environment: row.environment,
    version: row.version,
    outcome,
    exitCode,
    servesNow: record?.serves_now ?? null,
    failure,
    folder: record?.folder ?? null,
    undeliveredNotifications: undelivered,
  };
  story.close();
  session.output.event(result, story.ending(result));
  if (undelivered > 0) session.output.progress(`${undelivered} notification${undelivered === 1 ? "" : "s"} could not be delivered yet.`);
  session.output.next(outcome === "succeeded" ? `sluice status ${row.environment}` : `sluice record ${row.id}`);
  return exitCode;
}
