/** What is known of one stored backup (B4). Written last: without it the backup does not exist. */
export const proofLevels = ["stored", "readable", "restored", "equal"] as const;

/** What was proven: stored (checksum re-read), readable (decoded to its end), restored, equal (data-safety.md, 5). */
export type ProofLevel = (typeof proofLevels)[number];

export interface BackupManifest {
  /** `<environment>-<database>-<time>-<deployment id or "manual">`. */
  readonly id: string;
  readonly environment: string;
  readonly database: string;
  readonly deploymentId: string | null;
  readonly takenAtMs: number;
  readonly tookMs: number;
  readonly format: string;
  readonly key: string;
  readonly location: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly source: {
    readonly kind: string;
    readonly name: string;
    readonly serverVersion: string;
    /** Of the database itself, for the next one's estimate. */
    readonly sizeBytes?: number;
  };
  readonly tables: readonly TableFacts[];
  readonly level: ProofLevel;
  /** Absent in manifests of before there was one. */
  readonly proof?: BackupProof;
  readonly snapshot?: SnapshotFacts | null;
  /** Null: it lies there as it was dumped. */
  readonly encryption?: BackupEncryption | null;
  readonly restoreCommands: readonly string[];
  /** Over everything else in here, by the key of `audit.key`; null where none is configured. */
  readonly signature?: string | null;
}

export interface TableFacts {
  readonly name: string;
  readonly rows: number;
  /** Of the rows in any order; null where the rows could not be hashed, absent where nobody asked for it. */
  readonly hash?: string | null;
  /** Why its rows may be others than those of the dump: it was not read in the dump's own snapshot. Then nothing of it is compared. */
  readonly unproven?: string;
}

export interface BackupEncryption {
  readonly format: "age";
  /** Public keys; each of them can decrypt it. */
  readonly recipients: readonly string[];
}

/** One thing that was looked at, and how long that took. What did not hold is an error, never an entry here. */
export interface ProofCheck {
  readonly check: string;
  /** `unavailable`: it could not be looked at here, and `detail` says why. */
  readonly outcome: "passed" | "unavailable";
  readonly detail: string;
  readonly tookMs: number;
}

export interface BackupProof {
  readonly checks: readonly ProofCheck[];
  readonly tookMs: number;
  /** The level that was asked for and not reached in its budget, why, and the older backup that stands in for it. */
  readonly short: {
    readonly wanted: ProofLevel;
    readonly reason: string;
    readonly leansOn: { readonly id: string; readonly takenAtMs: number };
  } | null;
}

/** Taken in the same snapshot as the dump, for those who restore it years later. */
export interface SnapshotFacts {
  /** The position in the write-ahead log, e.g. `0/1A2B3C`. */
  readonly lsn: string | null;
  /** Tells one server from a copy of it. */
  readonly systemIdentifier: string | null;
  readonly clientVersion: string;
  readonly extensions: readonly { readonly name: string; readonly version: string }[];
  /** A text index sorted by another version of a collation is broken. */
  readonly collations: readonly { readonly name: string; readonly version: string }[];
  readonly largeObjects: number;
  /** Statements that create the server's roles, without passwords; null where this user may not list them. */
  readonly roles: readonly string[] | null;
  /** What could not be learnt, in words. */
  readonly missing: readonly string[];
}

/** `equal`, or what it fell short of and which older backup stands in: never more than was proven. */
export function provenWords({ level, proof }: Pick<BackupManifest, "level" | "proof">): string {
  const short = proof?.short;
  if (!short) return level;
  return `${level} (not ${short.wanted}: ${short.reason}; ${short.leansOn.id}, taken ${new Date(short.leansOn.takenAtMs).toISOString()}, was proven equal)`;
}

export interface EncryptionSettings {
  /** Public keys of the age format; each of them can decrypt. */
  readonly recipients: readonly string[];
  /** The private key's secret; needed only to restore with Sluice. */
  readonly identity: { readonly secret: string } | null;
}

/** How far a backup of some database can be proven at all. */
export interface ProofLimit {
  readonly level: "stored" | "restored";
  readonly because: string;
}

/** How far a proof must go, and what it may cost. */
export interface ProofSettings {
  readonly level: "readable" | "restored" | "equal";
  /** A deployment waits at most this long for it; by hand there is no limit. */
  readonly budgetMs: number;
  /** Over the budget, an equal backup not older than this must stand in for it. */
  readonly equalWithinMs: number;
}

/** Settings that a deployment journalled before there was a choice have none. */
export const proofSettingsOf = (backup: {
  readonly policy: string;
  readonly proof?: ProofSettings | undefined;
}): ProofSettings =>
  backup.proof ?? {
    level: backup.policy === "verified" ? "equal" : "readable",
    budgetMs: 600_000,
    equalWithinMs: 86_400_000,
  };

export const strengthOf = (level: ProofLevel): number => proofLevels.indexOf(level);

/** Tables that are not in `found` as they were in `expected`, in words; a hash counts where both sides have one. */
export function tableDifferences(expected: readonly TableFacts[], found: readonly TableFacts[]): readonly string[] {
  const there = new Map(found.map((table) => [table.name, table]));
  const names = new Set(expected.map(({ name }) => name));
  return [
    ...expected.flatMap((table) => differenceOf(table, there.get(table.name))),
    ...found.filter(({ name }) => !names.has(name)).map(({ name }) => `${name} was not in what was dumped`),
  ];
}

function differenceOf(expected: TableFacts, found: TableFacts | undefined): readonly string[] {
  if (found === undefined) return [`${expected.name} is missing`];
  if (expected.unproven !== undefined) return [];
  if (found.rows !== expected.rows) return [`${expected.name} has ${found.rows} rows instead of ${expected.rows}`];
  const hashed = expected.hash != null && found.hash != null;
  return hashed && expected.hash !== found.hash ? [`${expected.name} has other rows, of the same number`] : [];
}

/** Tables whose rows nobody could hash: for them at most the number is proven. */
export const unhashed = (tables: readonly TableFacts[]): readonly string[] =>
  tables
    .filter(({ hash }) => hash == null)
    .map(({ name, unproven }) => (unproven === undefined ? name : `${name} (${unproven})`));

/** Without what is counted beside them: large objects, a schema. */
export const tablesOf = (tables: readonly TableFacts[]): readonly TableFacts[] =>
  tables.filter(({ name }) => !name.startsWith("("));

/** What a restored copy could not be held against, in words; undefined where every table was. */
export function notCompared({ source, tables }: Pick<BackupManifest, "source" | "tables">): string | undefined {
  if (countsNothing(source.kind)) return "nothing of it could be compared";
  const unproven = tables.filter((table) => table.unproven !== undefined).map(({ name }) => name);
  return unproven.length === 0 ? undefined : `as backed up, but for what could not be compared: ${unproven.join(", ")}`;
}

/** Commands tell neither tables nor rows, and none told is not none there. */
export const countsNothing = (kind: string): boolean => kind === "command";

export const rowsOf = (tables: readonly TableFacts[]): number =>
  tablesOf(tables).reduce((sum, { rows }) => sum + rows, 0);

/** The newest equal backup of the same database that may stand in for a proof that was cut short. */
export function standIn(
  manifests: readonly BackupManifest[],
  of: { readonly environment: string; readonly database: string },
  notBeforeMs: number,
): BackupManifest | undefined {
  return manifests
    .filter(({ environment, database }) => environment === of.environment && database === of.database)
    .filter(({ level, takenAtMs }) => level === "equal" && takenAtMs >= notBeforeMs)
    .toSorted((a, b) => b.takenAtMs - a.takenAtMs)[0];
}

/**
 * How long the proof of a database of this size will take, from the newest that was proven as far; undefined where none was.
 * Linear in the size of the database, which data-safety.md measured for restores.
 */
export function expectedProofMs(
  manifests: readonly BackupManifest[],
  of: { readonly environment: string; readonly database: string; readonly sizeBytes: number },
  level: ProofLevel,
): number | undefined {
  const last = manifests
    .filter(({ environment, database }) => environment === of.environment && database === of.database)
    .filter(
      (manifest) => strengthOf(manifest.level) >= strengthOf(level) && manifest.proof && manifest.source.sizeBytes,
    )
    .toSorted((a, b) => b.takenAtMs - a.takenAtMs)[0];
  if (!last?.proof || !last.source.sizeBytes) return undefined;
  return (last.proof.tookMs * of.sizeBytes) / last.source.sizeBytes;
}
