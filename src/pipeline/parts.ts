/** Everything a deployment of one environment is made of, wired by app/. The pipeline sees ports and settings, nothing else. */
import type { Approval } from "../domain/approval.ts";
import type { Notification } from "../domain/notification.ts";
import type { Redactor } from "../domain/redactor.ts";
import type { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, RollbackTrigger, ValueOrSecret } from "../domain/settings.ts";
import type { BackupSeal } from "../ports/backup-seal.ts";
import type { BackupStore } from "../ports/backup-store.ts";
import type { Builder } from "../ports/builder.ts";
import type { Check } from "../ports/check.ts";
import type { Checkpoints } from "../ports/checkpoints.ts";
import type { CiGate } from "../ports/ci-gate.ts";
import type { Clock } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import type { Forge } from "../ports/forge.ts";
import type { Host } from "../ports/host.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { ManifestSigner } from "../ports/manifest-signer.ts";
import type { MetricSource } from "../ports/metric-source.ts";
import type { Migrator } from "../ports/migrator.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Router } from "../ports/router.ts";
import type { RunFolder } from "../ports/run-folder.ts";
import type { Source } from "../ports/source.ts";
import type { SqlGrammar } from "../ports/sql-grammar.ts";
import type { Instance, Target } from "../ports/target.ts";
import type { VulnerabilityAudit } from "../ports/vulnerability-audit.ts";

export interface Parts {
  readonly settings: EnvironmentSettings;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly source: Source;
  /** Absent: no forge is configured. */
  readonly forge?: Forge;
  readonly builder: Builder;
  readonly ciGate: CiGate | undefined;
  /** Absent: nobody looks at the dependencies. */
  readonly vulnerabilities?: VulnerabilityAudit;
  readonly target: Target;
  /** By component; components without a route have none. */
  readonly routers: ReadonlyMap<string, Router>;
  /** Of numbers besides the routers' own (O4). */
  readonly metricSources: readonly MetricSource[];
  readonly databases: readonly Database[];
  readonly migrators: readonly Migrator[];
  /** Of PostgreSQL: what pending migrations say (M4). */
  readonly sqlGrammar: SqlGrammar;
  readonly backups: BackupStore;
  /** Absent: backups are stored as they were dumped. */
  readonly seal?: BackupSeal;
  /** Absent: nobody signs manifests or looks at signatures. */
  readonly signer?: ManifestSigner;
  readonly hosts: readonly Host[];
  readonly checks: {
    /** Asks every candidate instance itself, not through the router; its answer must name the version where it tells one. */
    readonly instances: (instances: readonly Instance[], version: string) => readonly Check[];
    /** The declared health checks (H1), as clients see them. `version` null: any version may answer. */
    readonly services: (version: string | null) => readonly Check[];
    /** The environment's smoke suite (H4). */
    readonly smoke: (version: string | null) => readonly Check[];
  };
  readonly secrets: {
    readonly missing: () => readonly { readonly name: string; readonly required: boolean; readonly source: string }[];
    readonly resolve: (value: ValueOrSecret) => string | Secret;
  };
  readonly notifiers: readonly (Notifier & { readonly wants: (notification: Notification) => boolean })[];
  readonly redactor: Redactor;
  /** Away from the ledger (Z4). */
  readonly checkpoints: Checkpoints;
  readonly runFolder: (deploymentId: string) => RunFolder;
  /** Why the proof of a vote does not hold, in words; undefined where it does. */
  readonly proofFault: (vote: Approval) => Promise<string | undefined>;
  readonly sha256: (text: string) => string;
  readonly hashOf: (
    bytes: AsyncIterable<Uint8Array>,
  ) => Promise<{ readonly sha256: string; readonly sizeBytes: number }>;
}

export type { RollbackTrigger };
