/** The databases of an environment: where each is, and what Sluice may do to it. */
import type { ProofLimit } from "./backup.ts";

type TextOrSecret = string | { readonly secret: string };

/** Everything by commands: what they do is theirs, and what they prove is their exit code. */
export interface CommandDatabaseSettings {
  readonly name: string;
  readonly kind: "command";
  readonly ping: readonly string[];
  readonly dump: readonly string[];
  readonly restore: readonly string[] | null;
  readonly check: readonly string[] | null;
  readonly drop: readonly string[] | null;
  readonly extension: string;
  readonly environment: Readonly<Record<string, TextOrSecret>>;
  /** Of each command. */
  readonly timeoutMs: number;
}

export type DatabaseSettings =
  | {
      readonly name: string;
      readonly kind: "postgres";
      readonly url: TextOrSecret;
      readonly roomForCopyBytes?: number;
    }
  | { readonly name: string; readonly kind: "sqlite"; readonly file: string }
  | {
      readonly name: string;
      readonly kind: "mariadb" | "mysql";
      readonly url: TextOrSecret;
      /** Null: commits are never held. */
      readonly holdWritesMs: number | null;
    }
  | CommandDatabaseSettings;

/** How far a backup of it can be proven; undefined: equal. */
export function proofLimitOf(
  database: Pick<DatabaseSettings, "kind"> & { readonly restore?: unknown },
): ProofLimit | undefined {
  if (database.kind !== "command") return undefined;
  return database.restore == null
    ? { level: "stored", because: "it has no restore command" }
    : { level: "restored", because: "what a command restored cannot be compared with what was dumped" };
}
