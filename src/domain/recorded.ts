/** A deployment's record (record.ts) as it is read again: by reports, long after the process that wrote it. Earlier ones have less. */
import type { BackupManifest } from "./backup.ts";
import type { Failure } from "./errors.ts";
import type { DeploymentEvent } from "./events.ts";
import type { FailureFacts } from "./failure-report.ts";
import type { Json } from "./json.ts";
import type { Outcome } from "./outcome.ts";
import type { Criterion } from "./success-criteria.ts";
import type { RecordedVerdict } from "./verdict-record.ts";

export interface RecordedDeployment {
  readonly deployment_id: string;
  readonly environment: string;
  readonly version: string;
  readonly kind: "deploy" | "rollback";
  readonly outcome: Outcome;
  readonly git_sha: string;
  readonly started_by: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly serves_now: string | null;
  readonly failure: Failure | null;
  readonly undone: readonly string[];
  readonly undo_failures: readonly Failure[];
  readonly remains: readonly string[];
  readonly backups: readonly Pick<BackupManifest, "id" | "level" | "database">[];
  readonly durations_ms: Readonly<Record<string, number>>;
  readonly changes?: readonly { readonly sha: string; readonly author: string; readonly subject: string }[];
  readonly approvals?: readonly { readonly by: string; readonly decision: string }[];
  readonly success_criteria?: readonly Criterion[];
  readonly rollback_until: string | null;
  readonly release?: { readonly committed_at: string } | null;
  readonly traffic?: { readonly first_at: string | null; readonly back_at: string | null };
  readonly verdict?: Json;
}

export const recordedFrom = (record: Json): RecordedDeployment => record as unknown as RecordedDeployment;

/** The record spells it with underscores. */
function verdictOf({ verdict }: RecordedDeployment): RecordedVerdict {
  if (verdict === undefined) return { compared: false, why: "the record does not say", caught: null };
  const { caught, ...same } = verdict as { readonly caught: { readonly after_ms: number | null } | null };
  return { ...same, caught: caught && { ...caught, afterMs: caught.after_ms } } as unknown as RecordedVerdict;
}

/** Undefined where nothing failed. */
export function failureFactsOf(
  record: RecordedDeployment,
  events: readonly DeploymentEvent[],
  onCall: readonly string[],
): FailureFacts | undefined {
  const { failure } = record;
  if (failure === null) return undefined;
  return {
    deploymentId: record.deployment_id,
    environment: record.environment,
    version: record.version,
    outcome: record.outcome,
    failure,
    undone: record.undone,
    undoFailures: record.undo_failures,
    remains: record.remains,
    servesNow: record.serves_now,
    backups: record.backups,
    events,
    verdict: verdictOf(record),
    verdictFile: "verdict.svg",
    startedAtMs: Date.parse(record.started_at),
    criteria: record.success_criteria ?? [],
    onCall,
  };
}
