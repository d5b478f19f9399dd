/**
 * F8: the pre-flight checks and, in one table, what each does at each level of strictness. `validate` and the reference page
 * show this table; any cell can be overridden per environment.
 */
export const strictnessLevels = ["basic", "standard", "strict"] as const;
export type Strictness = (typeof strictnessLevels)[number];

export const checkActions = ["off", "warn", "block"] as const;
export type CheckAction = (typeof checkActions)[number];

export const checkTable = {
  secrets: {
    basic: "block",
    standard: "block",
    strict: "block",
    about: "required secrets and variables are present and not empty (F1)",
  },
  "optional-secrets": { basic: "warn", standard: "warn", strict: "warn", about: "optional secrets are present (F1)" },
  "clean-tree": {
    basic: "off",
    standard: "warn",
    strict: "block",
    about: "the git working tree has no uncommitted changes (F7)",
  },
  ci: { basic: "off", standard: "warn", strict: "block", about: "CI passed for exactly this commit (T4)" },
  staging: {
    basic: "warn",
    standard: "block",
    strict: "block",
    about: "where `staging` is declared: the same commit and artifacts went well there (T10)",
  },
  vulnerabilities: {
    basic: "warn",
    standard: "block",
    strict: "block",
    about: "where `vulnerabilities` is declared: no known one of the dependencies reaches the threshold (T8)",
  },
  target: {
    basic: "block",
    standard: "block",
    strict: "block",
    about: "the target answers and belongs to this ledger (L2)",
  },
  router: {
    basic: "block",
    standard: "block",
    strict: "block",
    about: "the router answers, and its ports are free or its own (R4)",
  },
  "no-active-deployment": {
    basic: "block",
    standard: "block",
    strict: "block",
    about: "no other deployment is active in the environment (F5)",
  },
  artifacts: {
    basic: "block",
    standard: "block",
    strict: "block",
    about: "the artifacts exist and have the digest of the build (F6)",
  },
  disk: {
    basic: "warn",
    standard: "block",
    strict: "block",
    about: "enough free disk on this machine and every host (F4)",
  },
  memory: { basic: "warn", standard: "warn", strict: "block", about: "enough free memory on every host (F4)" },
  load: { basic: "off", standard: "warn", strict: "warn", about: "the hosts are not overloaded (F4)" },
  database: { basic: "block", standard: "block", strict: "block", about: "every database answers (H2)" },
  "backup-store": {
    basic: "warn",
    standard: "block",
    strict: "block",
    about: "the backup store answers and has room (B2)",
  },
  "previous-available": {
    basic: "warn",
    standard: "block",
    strict: "block",
    about: "the version that serves can be started again (X6)",
  },
  migrations: {
    basic: "block",
    standard: "block",
    strict: "block",
    about: "the migration tool can run: it is in the release, no migration failed earlier, nobody else runs one (M1)",
  },
  "migration-lint": {
    basic: "warn",
    standard: "warn",
    strict: "block",
    about: "no migration breaks the version that serves (M4)",
  },
} as const satisfies Record<string, Record<Strictness, CheckAction> & { about: string }>;

export type CheckName = keyof typeof checkTable;
export const checkNames = Object.keys(checkTable) as readonly CheckName[];

/** The environment's row of the table: the level's column with the overrides laid over it. */
export function checkActionsOf(
  level: Strictness,
  overrides: Readonly<Partial<Record<CheckName, CheckAction>>>,
): Readonly<Record<CheckName, CheckAction>> {
  return Object.fromEntries(checkNames.map((name) => [name, overrides[name] ?? checkTable[name][level]])) as Record<
    CheckName,
    CheckAction
  >;
}
