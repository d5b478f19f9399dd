/**
 * corpus.json: one statement (or migration) for every rule in the public documentation of squawk and strong_migrations that
 * speaks of PostgreSQL, in words and names of our own, with the rules of ours that find it; for each of our fourteen; and
 * statements in which nothing is found.
 */
import type { MigrationRule } from "../../src/domain/migrations/rules.ts";
import corpus from "./corpus.json" with { type: "json" };

export interface Example {
  readonly rule: string;
  readonly sql: string;
  readonly expects: readonly MigrationRule[];
  /** Where it is about taste, or where two live versions do not mind: nothing is found, and this says why. */
  readonly why?: string;
}

export const squawk = corpus.squawk as readonly Example[];
export const strongMigrations = corpus.strongMigrations as readonly Example[];
/** At least one for every rule of the lint of one migration; rule 14 needs a history (drift.test.ts). */
export const own = corpus.own as readonly Example[];
/** Nothing is found in any of them. */
export const harmless: readonly string[] = corpus.harmless;
