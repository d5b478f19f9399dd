/**
 * The last net: a flow whose function threw cannot be run again, and what it left half done is not known. It is never freed
 * silently: the deployment is quarantined with its lock held, and a person who has looked releases it.
 */
import type { Attempt } from "../domain/attempt.ts";
import { humanDuration } from "../domain/duration.ts";
import type { NewEvent } from "../domain/events.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";
import type { Executor } from "./flows.ts";

export async function quarantineBroken(
  ledger: Ledger,
  executor: Executor,
  row: DeploymentRow,
  error: string,
): Promise<void> {
  if (row.state === "ended") return;
  const attempt = await ledger.beginAttempt(row.id, executor);
  if (await endReleased(ledger, row, attempt)) return;
  const after = humanDuration((await ledger.now()) - row.createdAtMs);
  const title = `broke after ${after}, which is a fault in Sluice: ${error}. See what is left, then: sluice cancel ${row.id} --release --reason "…"`;
  await ledger.append(finishing(row, "broken", title, { error }), attempt);
  await ledger.setState(row.id, "quarantined", attempt);
}

/** A person who has looked lets go of it: it ends without being run again. False: nobody has said so. */
export async function endReleased(ledger: Ledger, row: DeploymentRow, attempt: Attempt): Promise<boolean> {
  const messages = await ledger.undeliveredMessages(row.id);
  const release = messages.map(({ message }) => message as { kind?: string; by?: string }).find(isRelease);
  if (release === undefined) return false;
  const by = release.by ?? "a person";
  const title = `released by ${by}, who has looked at what was left`;
  await ledger.append({ ...finishing(row, "released", title, {}), actor: release.by ?? null }, attempt);
  await ledger.finish(row.id, "quarantined", attempt);
  await ledger.releaseLock(row.environment, attempt);
  return true;
}

export const finishing = (row: DeploymentRow, key: string, title: string, detail: NewEvent["detail"]): NewEvent => ({
  deploymentId: row.id,
  environment: row.environment,
  step: "finish",
  phase: "progress",
  key,
  title,
  tone: "bad",
  actor: null,
  detail,
});

const isRelease = ({ kind }: { readonly kind?: string }): boolean => kind === "release";
