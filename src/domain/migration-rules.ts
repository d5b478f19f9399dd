/** What each rule of the migration lint says: why it matters while two versions are live, and how to do it instead. */
export type MigrationRule =
  | "drop-column"
  | "drop-table"
  | "drop-object"
  | "rename-column"
  | "rename-table"
  | "rename-object"
  | "required-column"
  | "set-not-null"
  | "drop-default"
  | "change-type"
  | "new-constraint"
  | "drop-constraint"
  | "enum-value"
  | "change-behaviour"
  | "blocking-index"
  | "drop-index"
  | "unbounded-write"
  | "exclusive-lock"
  | "cannot-analyse";

export interface RuleText {
  readonly severity: "block" | "warn";
  readonly reason: string;
  /** Steps, in order; those of several releases say so. */
  readonly recipe: readonly string[];
}

const dropLater = (what: string): readonly string[] => [
  `Release 1: the code stops using the ${what}.`,
  "Wait until release 1 serves alone and its rollback window is over.",
  `Release 2: drop the ${what} in a migration of its own.`,
];

const replaceByCopy = (what: string): readonly string[] => [
  `Release 1: add the ${what} under its new form, beside the present one; the code writes both and reads the present one.`,
  "Copy what is there in batches, with a WHERE.",
  "Release 2: the code reads the new form.",
  `Release 3, after the rollback window: drop the former ${what}.`,
];

export const migrationRules: Readonly<Record<MigrationRule, RuleText>> = {
  "drop-column": {
    severity: "block",
    reason: "The version that serves now still reads or writes the column; its statements fail at once.",
    recipe: dropLater("column"),
  },
  "drop-table": {
    severity: "block",
    reason:
      "The version that serves now still uses the table; its statements fail, and the rows are gone for a rollback.",
    recipe: dropLater("table"),
  },
  "drop-object": {
    severity: "block",
    reason: "The version that serves now may still use it, and so may a rollback.",
    recipe: dropLater("object"),
  },
  "rename-column": {
    severity: "block",
    reason: "The version that serves now uses the present name; its statements fail at once.",
    recipe: replaceByCopy("column"),
  },
  "rename-table": {
    severity: "block",
    reason: "The version that serves now uses the present name; its statements fail at once.",
    recipe: [
      "Release 1: rename the table and create an updatable view under its present name, in one transaction; or keep the name.",
      "Release 2, after the rollback window: the code uses the new name; drop the view.",
    ],
  },
  "rename-object": {
    severity: "block",
    reason: "The version that serves now uses the present name.",
    recipe: replaceByCopy("object"),
  },
  "required-column": {
    severity: "block",
    reason: "Inserts by the version that serves now do not name the column and fail.",
    recipe: [
      "Release 1: add the column with a DEFAULT, or without NOT NULL; the code fills it.",
      "Fill the rows that are there in batches, with a WHERE.",
      "Release 2, after the rollback window: SET NOT NULL.",
    ],
  },
  "set-not-null": {
    severity: "block",
    reason: "The version that serves now may still write NULL; its inserts and updates fail.",
    recipe: [
      "Release 1: the code always writes a value; fill the rows that are there in batches.",
      "After its rollback window: ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT.",
      "Then SET NOT NULL, which PostgreSQL 12 or newer does without a scan, and drop the constraint.",
    ],
  },
  "drop-default": {
    severity: "block",
    reason: "Inserts by the version that serves now rely on the default.",
    recipe: ["Release 1: the code writes the value itself.", "Release 2, after the rollback window: drop the default."],
  },
  "change-type": {
    severity: "block",
    reason:
      "The table may be rewritten under an exclusive lock, and the version that serves now writes the former type.",
    recipe: replaceByCopy("column"),
  },
  "new-constraint": {
    severity: "warn",
    reason:
      "What the version that serves now writes may be refused, and checking the rows that are there holds a lock.",
    recipe: [
      "Release 1: the code writes only what the constraint allows; correct the rows that are there.",
      "Release 2: add it as NOT VALID and VALIDATE it in a second migration (a unique one by CREATE UNIQUE INDEX CONCURRENTLY).",
    ],
  },
  "drop-constraint": {
    severity: "warn",
    reason: "ON CONFLICT clauses of the version that serves now may need it, and duplicates become possible.",
    recipe: dropLater("constraint"),
  },
  "enum-value": {
    severity: "warn",
    reason: "The version that serves now cannot read the new value once the candidate writes it.",
    recipe: ["Release 1: add the value; the code can read it.", "Release 2: the code writes it."],
  },
  "change-behaviour": {
    severity: "warn",
    reason: "It changes what statements of the version that serves now do, without an error that would show it.",
    recipe: ["Give it a new name, let the new code use that, and remove the former one after the rollback window."],
  },
  "blocking-index": {
    severity: "warn",
    reason: "Writes to the table wait until the index is built; on a large table that is an outage.",
    recipe: ["CREATE INDEX CONCURRENTLY, alone in its migration and outside a transaction."],
  },
  "drop-index": {
    severity: "warn",
    reason: "Queries of the version that serves now may need it, and so may ON CONFLICT where it is unique.",
    recipe: dropLater("index"),
  },
  "unbounded-write": {
    severity: "block",
    reason: "It changes every row in one transaction: locks for its whole duration, and nothing left for a rollback.",
    recipe: ["Write in batches by key ranges, each its own transaction, outside the deployment."],
  },
  "exclusive-lock": {
    severity: "block",
    reason: "Everything else waits for its lock, or rows are lost.",
    recipe: ["Do it outside the deployment, in a maintenance window or with a tool that needs no exclusive lock."],
  },
  "cannot-analyse": {
    severity: "block",
    reason: "What it does cannot be seen from its text.",
    recipe: ["Let a person read it and decide, or write it as plain statements."],
  },
};
