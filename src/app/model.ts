/** What the command line and the server may name of the rooms behind app/: types, and the few values that go with them. */

export type { Parts } from "../pipeline/parts.ts";
export type { MadePlan } from "../pipeline/stages/plan.ts";
export type { BackupStore } from "../ports/backup-store.ts";
export type { CheckResult } from "../ports/check.ts";
export type { DatabaseFacts } from "../ports/database.ts";
export { FlowLost } from "../ports/flow.ts";
export type { DeploymentRow, Ledger, LockRow, ServingRow } from "../ports/ledger.ts";
export { peopleTopic } from "../ports/ledger.ts";
export type { OutboxRow } from "../ports/outbox.ts";
export type { Preflight, Reporter } from "./layers.ts";
