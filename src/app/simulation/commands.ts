/** The commands that a real deployment would run, from the settings alone: secrets by name, never by value. */
import type { MigrationSettings } from "../../domain/migration-settings.ts";
import type { ComponentSettings, EnvironmentSettings, ValueOrSecret } from "../../domain/settings.ts";
import { applyCommandOf } from "../migrators.ts";

export interface CommandToRun {
  readonly stage: string;
  /** Where, or for what. */
  readonly of: string;
  readonly words: string;
}

/** In the order in which they would run. `replaced` null: nothing serves yet. */
export function commandsOf(
  settings: EnvironmentSettings,
  version: string,
  replaced: string | null,
): readonly CommandToRun[] {
  const builds = settings.components.flatMap(({ name, build }) =>
    build.map((argv) => ({ stage: "build", of: name, words: inWords(argv) })),
  );
  const ci = settings.ciCommand === null ? [] : [{ stage: "preflight", of: "ci", words: inWords(settings.ciCommand) }];
  return [
    ...(settings.build === "before-plan" ? [...builds, ...ci] : [...ci, ...builds]),
    ...settings.migrations.flatMap(migrationsOf),
    ...settings.components.flatMap((component) => startOf(component, version)),
    ...checksOf(settings),
    ...(replaced === null || settings.rollout.keepStableMs > 0
      ? []
      : settings.components.map((component) => stopOf(component, replaced))),
  ];
}

/** What a known tool has pending is read from files and its table, by no command. */
function migrationsOf(migration: MigrationSettings): readonly CommandToRun[] {
  const { database, environment } = migration;
  const listed =
    "pending" in migration
      ? [{ stage: "plan", of: database, words: withVariables(environment, migration.pending) }]
      : [];
  const apply = "apply" in migration ? migration.apply : applyCommandOf(migration);
  return [...listed, { stage: "migrate", of: database, words: withVariables(environment, apply) }];
}

function startOf(
  { name, command, environment, instances, ready }: ComponentSettings,
  version: string,
): readonly CommandToRun[] {
  const variables = { ...environment, SLUICE_VERSION: version };
  const copies = instances > 1 ? `   (${instances} instances)` : "";
  const body = ready.tellsVersion ? ` and names ${version}` : "";
  return [
    { stage: "start", of: name, words: `${withVariables(variables, command)}${copies}` },
    {
      stage: "start",
      of: name,
      words: `GET http://127.0.0.1:{port}${ready.path} until it answers ${ready.status}${body}`,
    },
  ];
}

const stopOf = ({ name, stopTimeoutMs }: ComponentSettings, version: string): CommandToRun => ({
  stage: "retire",
  of: name,
  words: `SIGTERM to ${version}, SIGKILL after ${stopTimeoutMs / 1_000} s`,
});

const checksOf = ({ health, smoke }: EnvironmentSettings): readonly CommandToRun[] => [
  ...health.map(({ name, url, status }) => ({ stage: "smoke", of: name, words: `GET ${url} expecting ${status}` })),
  ...smoke.checks.map((check) => ({ stage: "smoke", of: check.name, words: `${check.kind} ${addressOf(check)}` })),
  ...smoke.journeys.map(({ name, baseUrl, steps }) => ({
    stage: "smoke",
    of: name,
    words: `${baseUrl}: ${steps.map(({ method, path }) => `${method} ${path}`).join(", ")}`,
  })),
];

function addressOf(check: EnvironmentSettings["smoke"]["checks"][number]): string {
  if (check.kind === "http") return check.check.url;
  return check.kind === "tcp" ? `${check.host}:${check.port}` : check.url;
}

function withVariables(environment: Readonly<Record<string, ValueOrSecret>>, argv: readonly string[]): string {
  const variables = Object.entries(environment).map(([name, value]) =>
    typeof value === "string" ? `${name}=${quoted(value)}` : `${name}=[${value.secret}]`,
  );
  return [...variables, inWords(argv)].join(" ");
}

const inWords = (argv: readonly string[]): string => argv.map(quoted).join(" ");

const quoted = (word: string): string =>
  /^[\w@%+=:,./{}~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
