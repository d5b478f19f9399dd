/** Rules 7 to 14: what a statement does while it runs, and what nobody can see from its text. */
import { dropLater, type RuleText } from "./rule.ts";

export const runningRules = {
  "timeout-off": {
    number: 7,
    severity: "warn",
    class: "expand",
    reason:
      "Without a limit a statement that waits for a lock lets every later statement on that table wait behind it: the version that serves now stands still.",
    recipe: [
      "Leave the limits to the migrator, which sets both, or set one that people can bear: SET lock_timeout = '2s'.",
    ],
    sources: ["squawk require-timeout-settings, require-lock-timeout, require-statement-timeout"],
  },
  "blocking-index": {
    number: 8,
    severity: "block",
    class: "expand",
    reason: "Writes to the table wait until the index is built; on a large table that is an outage.",
    recipe: [
      "CREATE INDEX CONCURRENTLY (REINDEX … CONCURRENTLY), alone in its migration and outside a transaction.",
      "For a constraint: CREATE UNIQUE INDEX CONCURRENTLY, then in a later migration ADD CONSTRAINT … USING INDEX.",
    ],
    sources: [
      "squawk require-concurrent-index-creation, require-concurrent-reindex, disallowed-unique-constraint, adding-serial-primary-key-field",
      "strong_migrations: adding an index non-concurrently, adding a reference, adding a unique constraint, adding an exclusion constraint",
      "Atlas PG101",
    ],
  },
  "concurrently-not-alone": {
    number: 8,
    severity: "block",
    class: "expand",
    reason:
      "CONCURRENTLY is refused inside a transaction (error 25001), and several statements sent together are one: the migration fails, perhaps half-way.",
    recipe: ["Give the statement a migration of its own.", "Tell the tool to run that one without a transaction."],
    sources: ["squawk ban-concurrent-index-creation-in-transaction", "Atlas PG103"],
  },
  "drop-index": {
    number: 8,
    severity: "warn",
    class: "contract",
    waits: true,
    reason:
      "Queries of the version that serves now may need it, and so may ON CONFLICT where it is unique. Without CONCURRENTLY its table is locked.",
    recipe: [...dropLater("index"), "DROP INDEX CONCURRENTLY, alone in its migration."],
    sources: [
      "squawk ban-drop-index, require-concurrent-index-deletion",
      "strong_migrations: removing an index non-concurrently",
      "Atlas PG102",
    ],
  },
  "validated-at-once": {
    number: 9,
    severity: "block",
    class: "contract",
    reason: "All rows that are there are checked under a lock that stops writes.",
    recipe: [
      "Add the constraint as NOT VALID: only new rows are checked.",
      "VALIDATE CONSTRAINT in a later migration, which writes pass by.",
    ],
    sources: [
      "squawk constraint-missing-not-valid, adding-foreign-key-constraint",
      "strong_migrations: adding a check constraint, adding a foreign key",
      "Atlas PG305",
    ],
  },
  "table-rewrite": {
    number: 10,
    severity: "block",
    class: "expand",
    reason: "Every row is written anew under an exclusive lock: nothing reads the table meanwhile.",
    recipe: [
      "Add the column without it.",
      "ALTER COLUMN … SET DEFAULT in the next statement: it holds for new rows only.",
      "Fill the rows that are there in batches, with a WHERE.",
    ],
    sources: [
      "squawk adding-field-with-default, adding-serial-primary-key-field, ban-alter-generated-expression",
      "strong_migrations: adding a column with a volatile default value, adding a stored generated column, adding an auto-incrementing column",
      "Atlas PG302",
    ],
  },
  "unbounded-write": {
    number: 11,
    severity: "block",
    class: "data",
    reason: "It changes every row in one transaction: locks for its whole duration, and nothing left for a rollback.",
    recipe: ["Write in batches by key ranges, each its own transaction, outside the deployment."],
    sources: ["strong_migrations: backfilling data"],
  },
  "backfill-beside-ddl": {
    number: 11,
    severity: "block",
    class: "data",
    reason:
      "The lock that a change of the schema took stays until the rows are written: nothing uses the table meanwhile.",
    recipe: ["Change the schema in one migration.", "Write the rows in another, in batches, with a WHERE."],
    sources: ["strong_migrations: backfilling data"],
  },
  "exclusive-lock": {
    number: 12,
    severity: "block",
    class: "contract",
    reason: "Everything else waits for its lock, or rows are lost.",
    recipe: ["Do it outside the deployment, in a maintenance window or with a tool that needs no exclusive lock."],
    sources: ["squawk ban-truncate-cascade, prefer-repack"],
  },
  "cannot-analyse": {
    number: 13,
    severity: "block",
    class: "contract",
    reason: "What it does cannot be seen from its text.",
    recipe: ["Let a person read it and decide, or write it as plain statements."],
    sources: [
      "squawk syntax-error, ban-uncommitted-transaction, transaction-nesting",
      "strong_migrations: executing SQL directly",
    ],
  },
  "edited-migration": {
    number: 14,
    severity: "block",
    class: "contract",
    reason: "What was applied is not what the release brings: nobody knows which schema the code was tested with.",
    recipe: ["Put the file back as it was applied.", "Write what should be different as a new migration."],
    sources: ["Flyway checksum", "Prisma: edited migration"],
  },
  "lost-migration": {
    number: 14,
    // A remark: it is also what a release finds that is made from the version before one that was rolled back.
    severity: "warn",
    class: "contract",
    reason: "The database has a migration that the release does not know: the release is older, or of another branch.",
    recipe: ["Where the migration should be there: merge the branch that it came from."],
    sources: ["Flyway: applied migration not resolved locally", "Prisma: missing migration"],
  },
  "out-of-order": {
    number: 14,
    severity: "block",
    class: "contract",
    reason: "It stands before one that is applied already: other databases had them in the other order.",
    recipe: ["Give it a number after the last applied one."],
    sources: ["Atlas non-linear", "Flyway outOfOrder"],
  },
} as const satisfies Record<string, RuleText>;
