/**
 * The composition root: settings to parts. The only place that knows every adapter; kinds are tables, so that an unknown one
 * is a type error here and a fault of the configuration there, never a fallback.
 */
import { join } from "node:path";
import { commandBuilder } from "../adapters/command/builder.ts";
import { commandDatabase, cannotSwap as commandsCannotSwap } from "../adapters/command/database.ts";
import { gitSource } from "../adapters/git/source.ts";
import { cannotSwap, mariaDbDatabase } from "../adapters/mariadb/database.ts";
import { postgresDatabase } from "../adapters/postgres/database.ts";
import { postgresGrammar } from "../adapters/postgres-grammar/grammar.ts";
import { localHost } from "../adapters/process/local-host.ts";
import { processTarget } from "../adapters/process/process-target.ts";
import { runFolder } from "../adapters/run-folder/run-folder.ts";
import { sqliteDatabase } from "../adapters/sqlite/database.ts";
import { npmAudit } from "../adapters/vulnerabilities/npm-audit.ts";
import { osvCommand } from "../adapters/vulnerabilities/osv-command.ts";
import { resolveSecrets } from "../config/secrets.ts";
import type { BackupSettings } from "../domain/backup-settings.ts";
import { type CommandDatabaseSettings, type DatabaseSettings, proofLimitOf } from "../domain/database-settings.ts";
import { redactor } from "../domain/redactor.ts";
import type { TesterSettings } from "../domain/routing.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings, ValueOrSecret } from "../domain/settings.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Clock } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { Router } from "../ports/router.ts";
import { sealFor, signerFor } from "./backup-keys.ts";
import { backupStoreFor } from "./backup-stores.ts";
import { checkpointsFor } from "./checkpoints.ts";
import { checksFor } from "./checks.ts";
import { ciGateFor, forgeFor } from "./forges.ts";
import { hashOf, sha256Of } from "./hashing.ts";
import { metricSourcesFor } from "./metric-sources.ts";
import { migratorsFor } from "./migrators.ts";
import { notifiersFor } from "./notifiers.ts";
import { readText } from "./project.ts";
import { proofFaultFor } from "./proof.ts";
import { routerWhenUsed } from "./router-when-used.ts";
import { type Resolve, secretLookup } from "./secret-lookup.ts";

export interface Surroundings {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly projectFolder: string;
  readonly stateFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function wire(settings: EnvironmentSettings, around: Surroundings): Parts {
  const { clock, ledger, projectFolder, stateFolder } = around;
  const { secrets, missing } = resolveSecrets(settings, { environment: around.environment, readFile: readText });
  const resolve = secretLookup(secrets);
  const redact = redactor([...secrets.values()]);
  const source = gitSource({ repository: projectFolder });
  const artifactsFolder = join(stateFolder, "artifacts");
  const seal = sealFor(settings, resolve);
  const forge = forgeFor(settings, resolve, clock);
  const databases = settings.databases.map((database) => databaseFor(database, settings.backup, around, resolve));
  return {
    settings,
    clock,
    ledger,
    source,
    ...(forge ? { forge } : {}),
    builder: commandBuilder({ source, artifactsFolder, clock, environment: {} }),
    ciGate: ciGateFor(settings, forge, { clock, cwd: projectFolder, secrets }),
    ...auditFor(settings),
    target: processTarget({ root: settings.target.root, environment: settings.environment, clock }),
    routers: routersFor(settings, clock, resolve),
    metricSources: metricSourcesFor(settings.metrics, {
      environment: settings.environment,
      clock,
      projectFolder,
      resolve,
    }),
    databases,
    migrators: migratorsFor(settings, resolve, clock),
    sqlGrammar: postgresGrammar(),
    backups: backupStoreFor(settings.backup, { resolve, clock }),
    ...(seal ? { seal } : {}),
    signer: signerFor([settings]),
    hosts: [localHost()],
    checks: checksFor(settings, { clock, databases, resolve, redact: redact.text }),
    secrets: { missing: () => missing, resolve },
    notifiers: notifiersFor(settings, resolve, clock),
    redactor: redact,
    checkpoints: checkpointsFor(settings),
    runFolder: (id) => runFolder({ folder: join(settings.records.folder, id), redactor: redact }),
    proofFault: proofFaultFor(settings),
    sha256: sha256Of,
    hashOf,
  };
}

const secretOf = (name: string, value: string | Secret): Secret =>
  value instanceof Secret ? value : new Secret(name, value);

function databaseFor(
  settings: DatabaseSettings,
  { parallel }: BackupSettings,
  around: Surroundings,
  resolve: Resolve,
): Database {
  const { kind, name } = settings;
  switch (kind) {
    case "sqlite":
      return sqliteDatabase({ name, file: settings.file });
    case "postgres": {
      const roomForCopy = settings.roomForCopyBytes ?? null;
      const url = () => urlOf(settings, resolve);
      const make = once(() => postgresDatabase({ name, url: url(), ...(parallel ? { parallel } : {}), roomForCopy }));
      return {
        ...lazily({ kind, name }, make),
        room: async (...args) => make().room(...args),
        swappable: async (signal) => make().swappable(signal),
        settleSwap: async (...args) => make().settleSwap(...args),
      };
    }
    case "mariadb":
    case "mysql": {
      const { holdWritesMs } = settings;
      const make = once(() => mariaDbDatabase({ name, kind, url: urlOf(settings, resolve), holdWritesMs }));
      return lazily({ kind, name, cannotSwap }, make);
    }
    case "command":
      return byCommands(settings, around, resolve);
  }
}

function byCommands(settings: CommandDatabaseSettings, around: Surroundings, resolve: Resolve): Database {
  const { kind, name } = settings;
  const proofLimit = proofLimitOf(settings) ?? { level: "stored", because: "it is by commands" };
  const make = once(() =>
    commandDatabase({
      ...settings,
      proofLimit,
      environment: resolvedVariables(settings.environment, resolve),
      cwd: around.projectFolder,
      lockFolder: join(around.stateFolder, "data-locks", name),
    }),
  );
  return lazily({ kind, name, proofLimit, cannotSwap: commandsCannotSwap }, make);
}

const resolvedVariables = (variables: Readonly<Record<string, ValueOrSecret>>, resolve: Resolve) =>
  Object.fromEntries(Object.entries(variables).map(([variable, value]) => [variable, resolve(value)]));

const urlOf = ({ url }: { readonly url: ValueOrSecret }, resolve: Resolve): Secret =>
  secretOf("DATABASE_URL", resolve(url));

/** A missing secret must not keep `status`, `plan` and pre-flight from being wired: it is reported when it is used. */
function lazily(
  known: Pick<Database, "kind" | "name" | "cannotSwap" | "proofLimit">,
  database: () => Database,
): Database {
  return {
    ...known,
    exclusively: async (...args) => database().exclusively(...args),
    beside: (suffix) => database().beside(suffix),
    swapIn: async (...args) => database().swapIn(...args),
    writtenSince: async (...args) => database().writtenSince(...args),
    facts: async (signal) => database().facts(signal),
    tools: async (signal) => database().tools(signal),
    dump: async (signal) => database().dump(signal),
    readBack: async (...args) => database().readBack(...args),
    restore: async (...args) => database().restore(...args),
    rehearse: async (...args) => database().rehearse(...args),
    restoreCommands: (...args) => database().restoreCommands(...args),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const auditFor = ({ vulnerabilities: asked }: EnvironmentSettings): Pick<Parts, "vulnerabilities"> => {
  if (!asked) return {};
  return { vulnerabilities: asked.kind === "npm" ? npmAudit(asked) : osvCommand({ ...asked, argv: asked.command }) };
};

function routersFor(settings: EnvironmentSettings, clock: Clock, resolve: Resolve): ReadonlyMap<string, Router> {
  const routed = settings.components.flatMap(({ name, route }) => (route ? [{ name, route }] : []));
  return new Map(
    routed.map(({ name, route: { testers, ...address } }) => [
      name,
      routerWhenUsed({
        ...address,
        stateFolder: settings.router.state,
        route: `${settings.environment}/${name}`,
        testers: testers && { header: testers.header, token: () => tokenOf(testers, resolve) },
        clock,
      }),
    ]),
  );
}

/** Looked up when a route is steered, so that looking at a deployment needs no secret. */
const tokenOf = ({ token }: TesterSettings, resolve: Resolve): Secret | null =>
  token === null ? null : secretOf(token.secret, resolve(token));
