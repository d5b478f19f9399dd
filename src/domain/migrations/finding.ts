/** What the lint says about a migration, with the words of the rule that it breaks. */
import type { MigrationClass } from "./rule.ts";
import { type Hit, type MigrationRule, migrationRules } from "./rules.ts";

export interface MigrationFinding {
  readonly rule: MigrationRule;
  readonly migration: string;
  /** In one line, at most 120 characters. */
  readonly statement: string;
  readonly reason: string;
  readonly recipe: readonly string[];
  readonly severity: "block" | "warn";
  /** Every version from this one on can live with it, says the migration. */
  readonly safeSince?: string;
}

export interface MigrationVerdict {
  readonly id: string;
  readonly class: MigrationClass;
  readonly findings: readonly MigrationFinding[];
}

/** A contract is whatever takes away; rows that change make a set of data of what would merely expand. */
export function verdictOf(id: string, findings: readonly MigrationFinding[], changesRows: boolean): MigrationVerdict {
  const classes = new Set<MigrationClass>(findings.map(({ rule }) => migrationRules[rule].class));
  const kind = classes.has("contract") ? "contract" : changesRows || classes.has("data") ? "data" : "expand";
  return { id, class: kind, findings };
}

export const unread = (id: string, fault: string): MigrationVerdict =>
  verdictOf(id, [findingOf({ rule: "cannot-analyse", because: `It cannot be analysed: ${fault}.` }, id, "")], false);

export function findingOf({ rule, because }: Hit, migration: string, text: string): MigrationFinding {
  const line = text.replace(/\s+/g, " ").trim();
  const statement = line.length > 120 ? `${line.slice(0, 119)}…` : line;
  const { severity, reason, recipe } = migrationRules[rule];
  return { rule, migration, statement, severity, reason: because ?? reason, recipe };
}
