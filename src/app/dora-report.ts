/** D6: DORA's figures of environments, from the ledger. */
import { type Dora, type DoraDeployment, doraOf } from "../domain/dora.ts";
import { recordedFrom } from "../domain/recorded.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";

export interface DoraReport {
  readonly now: Dora;
  readonly before: Dora;
}

/** @param environment all of them where none is named. */
export async function doraReport(
  ledger: Ledger,
  environment: string | undefined,
  periodMs: number,
): Promise<DoraReport> {
  const toMs = await ledger.now();
  const rows = await ledger.deployments(environment === undefined ? {} : { environment });
  // One period more than is shown: what came before decides what is rework.
  const recent = rows.filter(({ endedAtMs }) => endedAtMs !== null && endedAtMs >= toMs - 3 * periodMs);
  const deployments: DoraDeployment[] = [];
  for (const row of recent) deployments.push(await readOf(ledger, row));
  return {
    now: doraOf(deployments, toMs - periodMs, toMs + 1),
    before: doraOf(deployments, toMs - 2 * periodMs, toMs - periodMs),
  };
}

/** A record of an earlier version has no times of commit and traffic; one may be missing. */
async function readOf(ledger: Ledger, row: DeploymentRow): Promise<DoraDeployment> {
  const record = await ledger.record(row.id);
  const { release, traffic } = record === undefined ? {} : recordedFrom(record);
  return {
    environment: row.environment,
    kind: row.kind,
    outcome: row.outcome ?? "failed",
    createdAtMs: row.createdAtMs,
    endedAtMs: row.endedAtMs ?? row.createdAtMs,
    committedAtMs: timeOf(release?.committed_at),
    firstTrafficAtMs: timeOf(traffic?.first_at),
    backAtMs: timeOf(traffic?.back_at),
  };
}

const timeOf = (iso: string | null | undefined): number | null => (iso ? Date.parse(iso) : null);
