/** P2 M4: the pending migrations of a release, read by the grammar of their database and judged against what serves. */

import { onlyCommentsDiffer } from "../domain/migrations/comments.ts";
import { underWindow, type WindowFacts } from "../domain/migrations/contract-window.ts";
import { type AppliedMark, findDrift, isEdited } from "../domain/migrations/drift.ts";
import { type MigrationFinding, type MigrationVerdict, unread } from "../domain/migrations/finding.ts";
import { lintMigrations } from "../domain/migrations/lint.ts";
import { lintSqliteMigrations } from "../domain/migrations/sqlite-lint.ts";
import type { Finding, PlannedMigration } from "../domain/plan.ts";
import type { Artifact, Release } from "../domain/release.ts";
import type { Serving } from "../domain/serving.ts";
import type { Migrator, PendingMigration } from "../ports/migrator.ts";
import type { Parts } from "./parts.ts";
import { treeOf } from "./release-tree.ts";

export interface MigrationOutlook {
  readonly planned: readonly PlannedMigration[];
  /** About migrations that are applied already (rule 14). */
  readonly drift: readonly MigrationFinding[];
}

interface Input {
  readonly release: Release;
  readonly artifacts: readonly Artifact[];
  readonly serving: Serving | null;
}

export async function migrationOutlook(parts: Parts, input: Input, signal: AbortSignal): Promise<MigrationOutlook> {
  if (parts.migrators.length === 0) return { planned: [], drift: [] };
  const tree = await treeOf(parts, input, signal);
  const window = await windowFacts(parts, input.serving);
  const outlooks: MigrationOutlook[] = [];
  for (const migrator of parts.migrators) {
    const applied = await appliedMarks(migrator, tree, input.serving, signal);
    outlooks.push(await outlookOf(migrator, tree, applied, window, parts, signal));
  }
  return {
    planned: outlooks.flatMap(({ planned }) => planned),
    drift: outlooks.flatMap(({ drift }) => drift),
  };
}

/** Of an edited one, what was applied lies in the tree of the version that serves, unless it was edited before that already. */
async function appliedMarks(
  migrator: Migrator,
  tree: string,
  serving: Serving | null,
  signal: AbortSignal,
): Promise<readonly AppliedMark[]> {
  const applied = (await migrator.applied?.(tree, signal)) ?? [];
  const [component] = serving?.components ?? [];
  if (component === undefined || !applied.some(isEdited)) return applied;
  // A tree that is gone leaves the edit unexplained, and no more.
  const before = (await migrator.applied?.(component.artifact.location, signal).catch(() => undefined)) ?? [];
  signal.throwIfAborted();
  const originals = new Map(before.filter((one) => !isEdited(one)).map(({ id, sql }) => [id, sql]));
  return applied.map((mark) => {
    const original = originals.get(mark.id);
    if (original === undefined || mark.sql === undefined) return mark;
    return { ...mark, onlyCommentsDiffer: onlyCommentsDiffer(original, mark.sql) };
  });
}

async function outlookOf(
  migrator: Migrator,
  tree: string,
  applied: readonly AppliedMark[],
  window: WindowFacts,
  parts: Parts,
  signal: AbortSignal,
): Promise<MigrationOutlook> {
  const pending = await migrator.pending(tree, signal);
  const drift = findDrift(applied, pending);
  const verdicts = await judge(migrator.database, pending, parts, signal);
  const planned = verdicts.map(({ id, class: kind, findings }, at) => ({
    database: migrator.database,
    id,
    sql: pending[at]?.sql ?? null,
    class: kind,
    findings: [
      ...findings.map((one) => underWindow(one, window)),
      ...drift.filter(({ migration }) => migration === id),
    ].map(({ rule, statement, reason, recipe, severity }) => ({ rule, statement, reason, recipe, severity })),
  }));
  const ids = new Set(pending.map(({ id }) => id));
  return { planned, drift: drift.filter(({ migration }) => !ids.has(migration)) };
}

async function judge(
  database: string,
  pending: readonly PendingMigration[],
  parts: Parts,
  signal: AbortSignal,
): Promise<readonly MigrationVerdict[]> {
  const kind = parts.databases.find(({ name }) => name === database)?.kind;
  if (kind === "sqlite") return lintSqliteMigrations(pending);
  if (kind === "mariadb" || kind === "mysql") return pending.map(({ id }) => unread(id, noGrammar));
  const shown = pending.flatMap(({ sql }) => (sql === undefined ? [] : [sql]));
  const readings = shown.length === 0 ? [] : await parts.sqlGrammar.read(shown, signal);
  const next = readings.values();
  return lintMigrations(
    pending.map(({ sql, ...migration }) => {
      const reading = sql === undefined ? undefined : next.next().value;
      return reading === undefined ? migration : { ...migration, reading };
    }),
  );
}

/** PostgreSQL's grammar would misread it, and misread is worse than not read. */
const noGrammar = "there is no grammar of MariaDB and MySQL here, so a person has to read it";

/** How many earlier versions are looked at: more than anybody promotes within a rollback window. */
const servedSeen = 50;

async function windowFacts({ ledger, settings }: Parts, serving: Serving | null): Promise<WindowFacts> {
  const { environment, rollback } = settings;
  const served = serving === null ? [] : await ledger.servingHistory(environment, servedSeen);
  return { served, windowMs: rollback.windowMs, nowMs: await ledger.now() };
}

/** M4: a migration that would break the version still serving. Without one that serves, nothing can break. */
export function lintFinding(
  parts: Pick<Parts, "settings" | "migrators">,
  serving: Serving | null,
  { planned, drift }: MigrationOutlook,
): readonly Finding[] {
  const action = parts.settings.checks["migration-lint"];
  if (action === "off" || parts.migrators.length === 0) return [];
  const found = planned.flatMap(({ id, findings }) => findings.map((finding) => ({ ...finding, id })));
  const breaking = serving === null ? [] : found.filter(({ severity }) => severity === "block");
  const drifted = drift.map((finding) => ({ ...finding, id: finding.migration }));
  const counting = [...drifted.filter(({ severity }) => severity === "block"), ...breaking];
  const [first] = counting;
  if (first === undefined) {
    const warned = found.length > 0 ? `; ${found.length} remarks in the plan` : "";
    const fits = planned.length === 0 ? "no migrations" : `${planned.length} fit the version that serves${warned}`;
    const detail = [fits, ...drifted.map(({ id, rule, reason }) => `${id} ${rule}: ${reason}`)].join("; ");
    return [{ check: "migration-lint", action, verdict: "pass", detail, hint: "" }];
  }
  return [
    {
      check: "migration-lint",
      action,
      verdict: "fail",
      detail: counting.map(({ id, rule, statement, reason }) => `${id} ${rule}: ${statement}: ${reason}`).join("; "),
      hint: `${first.recipe.join(" ")} See the plan: sluice plan ${parts.settings.environment} <version>`,
    },
  ];
}
