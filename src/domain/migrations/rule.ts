/**
 * `expand` only adds; `data` changes rows; `contract` takes something away, or may (what cannot be analysed). Only a set that
 * merely expands runs beside the build, and a contract waits until nothing can come back that needs what it takes away.
 */
export type MigrationClass = "expand" | "data" | "contract";

export interface RuleText {
  /** Of the fourteen of docs/migrations.md. */
  readonly number: number;
  readonly severity: "block" | "warn";
  readonly class: MigrationClass;
  /** Why, while two versions are live. */
  readonly reason: string;
  /** Steps, in order; those of several releases say so. */
  readonly recipe: readonly string[];
  /** What finds the same elsewhere. */
  readonly sources: readonly string[];
  /** Harmless once no version that needs it can serve again: may be declared (contract-window.ts). */
  readonly waits?: true;
}

/** How a team says that every version from a certain one on can live with the statement below. */
export const declaration = (version: string): string => `-- sluice: safe since ${version}`;

export const dropLater = (what: string): readonly string[] => [
  `Release 1: the code stops using the ${what}.`,
  "Wait until release 1 serves alone and its rollback window is over.",
  `Release 2: drop the ${what} in a migration of its own, with the line \`${declaration("<release 1>")}\` above the statement.`,
];

export const replaceByCopy = (what: string): readonly string[] => [
  `Release 1: add the ${what} under its new form, beside the present one; the code writes both and reads the present one.`,
  "Copy what is there in batches, with a WHERE.",
  "Release 2: the code reads the new form.",
  `Release 3, after the rollback window: drop the former ${what}.`,
];
