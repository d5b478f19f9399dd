/**
 * A deployment whose processes keep dying is given up (domain/taking-over.ts): quarantined with its lock held, and people are
 * told. Its journal is whole, so a person who has mended the cause may have it resumed, cancelled, or let go of.
 */
import type { Attempt } from "../domain/attempt.ts";
import { Charge } from "../pipeline/charge.ts";
import { deliverNotifications } from "../pipeline/outbox.ts";
import type { Parts } from "../pipeline/parts.ts";
import { openTelling } from "../pipeline/telling.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";
import { endReleased, finishing } from "./broken-flow.ts";
import type { Executor } from "./flows.ts";

/** Under this name each takeover that nobody asked for is in the story. */
const takeOverStep = "take over";
const givenUp = "given up";
const deliverWithinMs = 3_000;

/** When it was taken over without anybody asking for it, by the ledger's clock. */
export async function takeOversOf(ledger: Ledger, id: string): Promise<readonly number[]> {
  return (await ledger.events(id, 0)).flatMap(({ step, atMs }) => (step === takeOverStep ? [atMs] : []));
}

export async function tellTakeOver(
  ledger: Ledger,
  { id, environment, executor: before }: DeploymentRow,
  attempt: Attempt,
  executor: Executor,
): Promise<void> {
  const who = before === null ? "Nobody has begun it" : `The process that ran it (pid ${before.pid}) is gone`;
  await ledger.append(
    {
      deploymentId: id,
      environment,
      step: takeOverStep,
      phase: "progress",
      key: executor.id,
      title: `${who}; the standby (pid ${executor.pid}) goes on`,
      tone: "warn",
      actor: null,
      detail: { from: before?.id ?? null, to: executor.id },
    },
    attempt,
  );
}

/** STALE_ATTEMPT where another process was quicker. */
export async function giveUp(parts: Parts, row: DeploymentRow, executor: Executor, why: string): Promise<void> {
  const { ledger } = parts;
  const attempt = await ledger.beginAttempt(row.id, executor, row.attempt);
  const title = `given up: ${why}. See why in its log, mend it, then: sluice resume ${row.id} · or: sluice cancel ${row.id} --reason "…"`;
  await ledger.append(finishing(row, givenUp, title, { why }), attempt);
  await ledger.setState(row.id, "quarantined", attempt);
  await openTelling(parts, row, new Charge(row.id, attempt)).notify("quarantined", {
    title: `${row.version} in ${row.environment}: quarantined`,
    message: `Nobody runs it any more: ${why}. What it had begun was left as it was, with the lock held.`,
    next: `sluice resume ${row.id}`,
  });
  await deliverNotifications(parts, row.id, AbortSignal.timeout(deliverWithinMs));
}

/** One that was given up goes on when a person asks for it, unless they let go of it. False: it has ended. */
export async function leavesCrashLoop(ledger: Ledger, row: DeploymentRow, attempt: Attempt): Promise<boolean> {
  if (row.state !== "quarantined") return true;
  const ends = (await ledger.events(row.id, 0)).filter(({ step, phase }) => step === "finish" && phase === "progress");
  if (ends.at(-1)?.key !== givenUp) return true;
  if (await endReleased(ledger, row, attempt)) return false;
  await ledger.setState(row.id, "running", attempt);
  return true;
}
