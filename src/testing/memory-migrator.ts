/** A migrator in memory, for simulations: a list of migrations per release tree, and what has been applied so far. */
import { SluiceError } from "../domain/errors.ts";
import type { Migrator, PendingMigration } from "../ports/migrator.ts";

export interface MemoryMigratorOptions {
  readonly database?: string;
  /** All migrations that a release brings, in order, by its tree; none for a tree that is not named. */
  readonly byTree?: Readonly<Record<string, readonly PendingMigration[]>>;
  /** Called before a migration is applied; what it throws is that migration's failure. */
  readonly fault?: (migration: PendingMigration) => void;
}

export interface MemoryMigrator extends Migrator {
  /** The ids applied so far, in order. */
  readonly appliedIds: readonly string[];
}

export function memoryMigrator(options: MemoryMigratorOptions = {}): MemoryMigrator {
  const database = options.database ?? "memory";
  const applied: string[] = [];
  const pendingIn = (tree: string) => (options.byTree?.[tree] ?? []).filter(({ id }) => !applied.includes(id));
  return {
    kind: "memory",
    database,
    appliedIds: applied,
    async pending(releaseTree, signal) {
      signal.throwIfAborted();
      return pendingIn(releaseTree);
    },
    async apply(releaseTree, log, signal) {
      for (const migration of pendingIn(releaseTree)) {
        signal.throwIfAborted();
        log(`applying ${migration.id}`);
        try {
          options.fault?.(migration);
        } catch (error) {
          throw failed(database, migration, error);
        }
        applied.push(migration.id);
      }
    },
  };
}

function failed(database: string, migration: PendingMigration, error: unknown): SluiceError {
  const reason = error instanceof Error ? error.message : String(error);
  return new SluiceError({
    code: "MIGRATION_FAILED",
    remedy: "operator",
    at: `databases.${database}`,
    message: `Migration ${migration.id} failed: ${reason}.`,
    hint: "See what is still pending with: sluice migrate <environment> <version> --dry-run",
  });
}
