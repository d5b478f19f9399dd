/**
 * The last net: a flow whose function threw cannot be run again, and what it left half done is not known. It is never freed
 * silently: the deployment is quarantined with its lock held, and a person who has looked releases it.
 */
import { humanDuration } from "../domain/duration.ts";
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
  const messages = await ledger.undeliveredMessages(row.id);
  const release = messages.map(({ message }) => message as { kind?: string; by?: string }).find(isRelease);
  const after = humanDuration((await ledger.now()) - row.createdAtMs);
  await ledger.append(
    {
      deploymentId: row.id,
      environment: row.environment,
      step: "finish",
      phase: "progress",
      key: release ? "released" : "broken",
      title: release
        ? `released by ${release.by ?? "a person"}, who has looked at what was left`
        : `broke after ${after}, which is a fault in Sluice: ${error}. See what is left, then: sluice cancel ${row.id} --release --reason "…"`,
      tone: "bad",
      actor: release?.by ?? null,
      detail: { error },
    },
    attempt,
  );
  if (!release) return ledger.setState(row.id, "quarantined", attempt);
  await ledger.finish(row.id, "quarantined", attempt);
  await ledger.releaseLock(row.environment, attempt);
}

const isRelease = ({ kind }: { readonly kind?: string }): boolean => kind === "release";
