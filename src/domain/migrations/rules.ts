/** What each rule of the migration lint says: why it matters while two versions are live, and how to do it instead. */
import type { RuleText } from "./rule.ts";
import { runningRules } from "./rules-running.ts";
import { schemaRules } from "./rules-schema.ts";

export type MigrationRule = keyof typeof schemaRules | keyof typeof runningRules;

export const migrationRules: Readonly<Record<MigrationRule, RuleText>> = { ...schemaRules, ...runningRules };

/** The fourteen, as docs/migrations.md lists them. */
export const ruleTitles: readonly string[] = [
  "Something is dropped or renamed",
  "A write of the present version would lack a value",
  "A type changes",
  "A new constraint, or one less",
  "A value that the present version cannot read",
  "Behaviour changes under the present version",
  "Limits of waiting are switched off",
  "Indexes that block, or CONCURRENTLY where it cannot be",
  "Constraints that are checked at once",
  "The table is written anew",
  "Rows are written without a bound",
  "Exclusive locks and emptied tables",
  "What nobody can see from the text",
  "The history was changed",
];

/** A rule that a statement breaks, with its own reason where the rule's is not exact enough. */
export interface Hit {
  readonly rule: MigrationRule;
  readonly because?: string;
}

export const hit = (rule: MigrationRule, because?: string): readonly Hit[] => [
  because === undefined ? { rule } : { rule, because },
];
export const nothing: readonly Hit[] = [];
