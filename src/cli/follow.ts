/**
 * Follows a deployment by its events until it ends, waits for people, or its follower leaves. When its worker dies, another
 * one is started: the deployment does not depend on the process that began it.
 */

import { isAbandoned } from "../app/abandoned.ts";
import { machineClock } from "../app/clock.ts";
import type { DeploymentRow, Ledger } from "../app/model.ts";
import { begunByOtherVersion, isOtherVersions } from "../app/other-versions.ts";
import { settingsOf } from "../app/settings-of.ts";
import { startWorker } from "../app/start-worker.ts";
import { type Failure, SluiceError } from "../domain/errors.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import { exitCodeOf, exitCodeOfFailure, exitCodes } from "../domain/outcome.ts";
import type { Caught } from "../domain/verdict-record.ts";
import type { Session } from "./session.ts";
import { endingText, openStory, type Story } from "./story.ts";

export interface FollowOptions {
  /** Stay while it waits for people; otherwise leave with exit code 8. */
  readonly wait: boolean;
  /** Also start another worker when the one in charge has died. */
  readonly revive: boolean;
  /** The caller has just started a worker: the one that died is not replaced a second time. */
  readonly justStarted?: boolean;
  /** Number of the last event that the reader has seen; what follows is told. */
  readonly knownUpTo?: number;
}

const pollMs = 120;
/** A worker needs a moment from its start to its first heartbeat. */
const startUpMs = 15_000;
const firstTryMs = 2_000;

interface Following {
  readonly session: Session;
  readonly ledger: Ledger;
  readonly story: Story;
  readonly options: FollowOptions;
  readonly stopped: AbortSignal;
  seen: number;
  asksPeople: boolean;
  revived: boolean;
  revivedAtMs: number;
}

export async function follow(session: Session, deploymentId: string, options: FollowOptions): Promise<number> {
  const { ledger } = await session.state();
  const first = await existing(ledger, deploymentId);
  const stopped = new AbortController();
  const onInterrupt = () => stopped.abort();
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  // What runs in this process goes on although nobody reads its story any more.
  if (options.revive) session.output.readerGone.addEventListener("abort", onInterrupt);
  const following: Following = {
    session,
    ledger,
    story: openStory(session.output, first.createdAtMs, settingsOf(first)),
    options,
    stopped: stopped.signal,
    seen: 0,
    asksPeople: false,
    revived: options.justStarted ?? false,
    revivedAtMs: machineClock.now(),
  };
  try {
    for (;;) {
      const exitCode = await look(following, deploymentId);
      if (exitCode !== undefined) return exitCode;
      await machineClock.sleep(pollMs, stopped.signal).catch(() => undefined);
    }
  } finally {
    following.story.close();
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
  }
}

async function existing(ledger: Ledger, id: string): Promise<DeploymentRow> {
  const row = await ledger.deployment(id);
  if (row) return row;
  throw new SluiceError({
    code: "DEPLOYMENT_UNKNOWN",
    remedy: "operator",
    at: "cli.follow",
    message: `There is no deployment ${id}.`,
    hint: "List them: sluice history",
  });
}

/** The exit code to leave with, or undefined to look again. The row is read before the events: what ended has told everything. */
async function look(following: Following, id: string): Promise<number | undefined> {
  const { session, ledger, story, options, stopped } = following;
  const row = await existing(ledger, id);
  await tellNew(following, id);
  if (row.state === "ended" && row.outcome !== null) return ended(session, ledger, row, story);
  if (row.state === "quarantined")
    return leave(following, row, exitCodes.undecided, `sluice cancel ${row.id} --release --reason "…"`);
  if (row.state === "waiting" && !options.wait && following.asksPeople) {
    return leave(following, row, exitCodes.waitingForApproval, `sluice approve ${row.id}`);
  }
  if (stopped.aborted) {
    story.close();
    session.output.progress("Following stopped; the deployment goes on.");
    return leave(following, row, exitCodes.followingStopped, `sluice logs ${row.id} --follow`);
  }
  if (options.revive && isAbandoned(row) && isTime(following, row)) revive(following, row);
  story.redraw(machineClock.now());
  return undefined;
}

async function tellNew(following: Following, id: string): Promise<void> {
  const { ledger, story, options } = following;
  for (const event of await ledger.events(id, following.seen)) {
    following.seen = event.seq;
    following.asksPeople = stillAsks(event) ?? following.asksPeople;
    story.tell(event, event.seq <= (options.knownUpTo ?? 0));
  }
}

/** One that had begun and died is replaced at once; one that was only just started is given its moment. */
const isTime = ({ revived, revivedAtMs }: Following, { executor }: DeploymentRow): boolean =>
  (executor !== null && !revived) || machineClock.now() - revivedAtMs > startUpMs;

function revive(following: Following, row: DeploymentRow): void {
  const { session, story } = following;
  if (isOtherVersions(row)) throw begunByOtherVersion(row);
  following.revived = true;
  following.revivedAtMs = machineClock.now();
  story.close();
  session.output.progress(`The process that ran it (pid ${row.executor?.pid ?? "?"}) is gone; another one takes over.`);
  startWorker(row.id, session);
}

/** Undefined: this event says nothing about it. */
function stillAsks({ step, phase, detail }: DeploymentEvent): boolean | undefined {
  if ((detail as { readonly waitingForApproval?: boolean } | null)?.waitingForApproval) return true;
  return phase === "begin" && step !== "approve" ? false : undefined;
}

function leave({ session, story }: Following, row: DeploymentRow, exitCode: number, next: string): number {
  story.close();
  session.output.event({ type: "left", deployment: row.id, state: row.state, exitCode, next }, undefined);
  session.output.next(next);
  return exitCode;
}

interface RecordedEnd {
  readonly failure?: Failure | null;
  readonly folder?: string;
  readonly serves_now?: string;
  readonly verdict?: {
    readonly caught?: { readonly requests: number; readonly failed: number; readonly after_ms: number | null } | null;
  };
}

async function ended(session: Session, ledger: Ledger, row: DeploymentRow, story: Story): Promise<number> {
  const record = (await ledger.record(row.id)) as RecordedEnd | undefined;
  const failure = record?.failure ?? null;
  const outcome = row.outcome ?? "failed";
  const exitCode = failure ? exitCodeOfFailure(failure.code, outcome) : exitCodeOf(outcome);
  const undelivered = await undeliveredOf(ledger, row.id);
  const result = {
    type: "ended",
    deployment: row.id,
    environment: row.environment,
    version: row.version,
    outcome,
    exitCode,
    servesNow: record?.serves_now ?? null,
    failure,
    caught: caughtIn(record),
    folder: record?.folder ?? null,
    undeliveredNotifications: undelivered,
  };
  story.close();
  session.output.event(result, endingText(result, session.output.columns()));
  if (undelivered > 0)
    session.output.progress(`${undelivered} notification${undelivered === 1 ? "" : "s"} could not be delivered yet.`);
  session.output.next(outcome === "succeeded" ? `sluice status ${row.environment}` : `sluice record ${row.id}`);
  return exitCode;
}

function caughtIn(record: RecordedEnd | undefined): Caught | null {
  const caught = record?.verdict?.caught;
  return caught ? { requests: caught.requests, failed: caught.failed, afterMs: caught.after_ms } : null;
}

/** The last ones were written a moment ago: their first try is waited for, so that only real trouble is told. */
async function undeliveredOf(ledger: Ledger, id: string): Promise<number> {
  const until = machineClock.now() + firstTryMs;
  for (;;) {
    const rows = await ledger.undelivered(id);
    // Behind one that was tried the others of its channel wait for it.
    const heads = new Map(rows.toReversed().map((row) => [row.channel, row]));
    if ([...heads.values()].every(({ attempts }) => attempts > 0) || machineClock.now() > until) return rows.length;
    await machineClock.sleep(pollMs);
  }
}
