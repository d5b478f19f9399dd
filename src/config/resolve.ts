/**
 * What the pipeline is told about one environment: every default applied, every path absolute, every secret still a name.
 * Plain JSON, since a deployment journals the settings it began with.
 */
import { resolve } from "node:path";
import type { CheckAction, CheckName } from "../domain/checks.ts";
import { checkActionsOf, checkNames, checkTable } from "../domain/checks.ts";
import type { DatabaseSettings } from "../domain/database-settings.ts";
import { SluiceError } from "../domain/errors.ts";
import type { MigrationSettings } from "../domain/migration-settings.ts";
import type { RouteSettings } from "../domain/routing.ts";
import type { ApprovalSettings, ComponentSettings, EnvironmentSettings, SecretSettings } from "../domain/settings.ts";
import { completeEnvironment } from "./merge.ts";
import type { ReadFile } from "./read-file.ts";
import { backupSettings } from "./resolve-backup.ts";
import { forgeUse, stagingRule, vulnerabilitySettings } from "./resolve-gates.ts";
import { metricSourceSettings } from "./resolve-metrics.ts";
import { notifiersOf } from "./resolve-notify.ts";
import { scheduledSettings } from "./resolve-schedules.ts";
import { healthSettings, observationSettings, rolloutSettings, smokeSettings } from "./resolve-watch.ts";
import type { CompleteEnvironment, Configuration } from "./schema.ts";
import { didYouMean } from "./suggestion.ts";

export interface ResolveOptions {
  /** Absolute. Relative paths of the configuration are below it. */
  readonly projectFolder: string;
  /** For the file of allowed signers; paths are absolute. */
  readonly readFile: ReadFile;
}

/** Throws ENVIRONMENT_UNKNOWN, and CONFIG_INVALID where the file of allowed signers cannot be read. */
export function resolveEnvironment(
  configuration: Configuration,
  environment: string,
  options: ResolveOptions,
): EnvironmentSettings {
  refuseUnknown(configuration, environment);
  const complete = completeEnvironment(configuration, environment);
  const absolute = (path: string): string => resolve(options.projectFolder, path);
  const { audit, backup, checks, ci, lock, policy, records, rollback } = complete;
  return {
    project: configuration.project,
    environment,
    url: complete.url ?? null,
    strictness: policy,
    checks: checkActionsOf(policy, withoutUndefined(checks)),
    overrides: overridesOf(complete),
    tags: complete.tags,
    branches: complete.branches,
    ciCommand: ci.command ?? null,
    ciTimeoutMs: ci.timeout,
    ...forgeUse(configuration, complete),
    staging: stagingRule(complete),
    vulnerabilities: vulnerabilitySettings(complete),
    build: complete.build,
    components: componentsOf(configuration, complete),
    target: { kind: complete.target.kind, root: absolute(complete.target.root ?? `.sluice/run/${environment}`) },
    router: { kind: complete.router.kind, state: absolute(complete.router.state ?? `.sluice/router/${environment}`) },
    databases: databasesOf(configuration, absolute),
    migrations: migrationsOf(configuration),
    secrets: secretsOf(configuration, complete, absolute),
    disk: { minFreeBytes: complete.disk.minFree },
    memory: { minFreeBytes: complete.memory.minFree },
    load: { maxPerCpu: complete.load.maxPerCpu },
    approvals: approvalsOf(complete, options.readFile, absolute),
    lock: { onBusy: lock.onBusy, queueTimeoutMs: lock.queueTimeout, leaseMs: lock.lease, heartbeatMs: lock.heartbeat },
    backup: backupSettings(backup, absolute),
    ...scheduledSettings(complete),
    rollout: rolloutSettings(complete.rollout),
    health: complete.health.map((check) => healthSettings(check, complete.url)),
    metrics: metricSourceSettings(complete.metrics),
    smoke: smokeSettings(complete.smoke, complete.url),
    observation: observationSettings(complete.observation),
    rollback: { windowMs: rollback.window, confirmWord: rollback.confirmWord, on: rollback.on },
    records: { folder: absolute(records.folder), keepDays: records.keepDays },
    audit: {
      checkpoints: absolute(audit.checkpoints ?? `${records.folder}/audit-checkpoints.jsonl`),
      key: audit.key === undefined ? null : absolute(audit.key),
    },
    onCall: complete.onCall,
    notify: notifiersOf(configuration, complete.notify, absolute),
  };
}

function refuseUnknown(configuration: Configuration, environment: string): void {
  const known = Object.keys(configuration.environments);
  if (known.includes(environment)) return;
  throw new SluiceError({
    code: "ENVIRONMENT_UNKNOWN",
    remedy: "operator",
    at: "environments",
    message: `There is no environment ${JSON.stringify(environment.slice(0, 64))}; there are: ${known.join(", ")}.`,
    hint: `${capital(didYouMean(environment, known))} See them all by: sluice validate`,
  });
}

const capital = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith("?") ? "" : "."}`;

type Absolute = (path: string) => string;

const withoutUndefined = (checks: CompleteEnvironment["checks"]): Partial<Record<CheckName, CheckAction>> =>
  Object.fromEntries(Object.entries(checks).filter(([, action]) => action !== undefined));

/** Cells that differ from the table, not those that merely repeat it. */
function overridesOf({ checks, policy }: CompleteEnvironment): readonly CheckName[] {
  return checkNames.filter((name) => checks[name] !== undefined && checks[name] !== checkTable[name][policy]);
}

function componentsOf(configuration: Configuration, complete: CompleteEnvironment): readonly ComponentSettings[] {
  return Object.entries(configuration.components).map(([name, component]) => ({
    name,
    build: component.build,
    command: component.command,
    workingDirectory: component.workingDirectory,
    environment: { ...component.environment, ...complete.variables[name] },
    instances: component.instances,
    stopTimeoutMs: component.stopTimeout,
    ready: {
      path: component.ready.path,
      status: component.ready.status,
      tellsVersion: component.ready.version,
      intervalMs: component.ready.interval,
      timeoutMs: component.ready.timeout,
    },
    route: routeOf(component.route, complete.ports[name]),
  }));
}

type WrittenRoute = Configuration["components"][string]["route"];

function routeOf(route: WrittenRoute, ownPort: number | undefined): RouteSettings | null {
  if (route === undefined) return null;
  const { host, port, sticky, testers } = route;
  return {
    host,
    port: ownPort ?? port,
    ...(sticky && { sticky }),
    ...(testers && { testers: { header: testers.header, token: testers.token ?? null } }),
  };
}

type WrittenDatabase = Configuration["databases"][string];

const databasesOf = (configuration: Configuration, absolute: Absolute): readonly DatabaseSettings[] =>
  Object.entries(configuration.databases).map(([name, database]) => databaseOf(name, database, absolute));

function databaseOf(name: string, database: WrittenDatabase, absolute: Absolute): DatabaseSettings {
  switch (database.kind) {
    case "postgres": {
      const { kind, url, roomForCopy } = database;
      return { name, kind, url, ...(roomForCopy !== undefined && { roomForCopyBytes: roomForCopy }) };
    }
    case "sqlite":
      return { name, kind: database.kind, file: absolute(database.file) };
    case "mariadb":
    case "mysql":
      return { name, kind: database.kind, url: database.url, holdWritesMs: database.holdWrites ?? null };
    case "command": {
      const { kind, timeout: timeoutMs, restore, check, drop, ...same } = database;
      return { name, kind, timeoutMs, restore: restore ?? null, check: check ?? null, drop: drop ?? null, ...same };
    }
  }
}

function migrationsOf(configuration: Configuration): readonly MigrationSettings[] {
  return Object.entries(configuration.migrations).map(([database, migration]) => {
    if (migration.kind !== "command") return { database, ...toolSettings(migration) };
    const { timeout: timeoutMs, lockTimeout, statementTimeout, ...same } = migration;
    return { database, timeoutMs, lockTimeoutMs: lockTimeout ?? 0, statementTimeoutMs: statementTimeout ?? 0, ...same };
  });
}

type WrittenTool = Exclude<Configuration["migrations"][string], { readonly kind: "command" }>;

function toolSettings(written: WrittenTool) {
  const { kind, tool, workingDirectory, environment, retries, cleanUp, url, folder, timeout } = written;
  return {
    ...{ kind, tool, workingDirectory, environment, retries, cleanUp },
    url: url ?? null,
    folder: folder ?? null,
    table: "table" in written ? written.table : null,
    schema: "schema" in written ? (written.schema ?? null) : null,
    timeoutMs: timeout,
    lockTimeoutMs: written.lockTimeout ?? 0,
    statementTimeoutMs: written.statementTimeout ?? 0,
  };
}

function secretsOf(
  configuration: Configuration,
  complete: CompleteEnvironment,
  absolute: Absolute,
): readonly SecretSettings[] {
  const names = new Set([...Object.keys(configuration.secrets), ...Object.keys(complete.secrets)]);
  return [...names].map((name) => {
    const shared = configuration.secrets[name];
    const source = complete.secrets[name] ?? shared;
    return {
      name,
      source:
        source?.file === undefined
          ? { kind: "environment", variable: source?.env ?? name }
          : { kind: "file", path: absolute(source.file) },
      required: source?.required ?? shared?.required ?? true,
    };
  });
}

function approvalsOf({ approvals }: CompleteEnvironment, readFile: ReadFile, absolute: Absolute): ApprovalSettings {
  const { allowedSigners, wait, timeout, remindEvery, ...same } = approvals;
  return {
    ...same,
    allowedSigners: allowedSigners === undefined ? "" : signersText(allowedSigners, readFile, absolute),
    waitMs: wait,
    timeoutMs: timeout,
    remindEveryMs: remindEvery,
  };
}

function signersText(file: string, readFile: ReadFile, absolute: Absolute): string {
  try {
    return readFile(absolute(file));
  } catch (cause) {
    throw new SluiceError({
      code: "CONFIG_INVALID",
      remedy: "operator",
      at: "approvals.allowedSigners",
      message: `The file of allowed signers, ${file}, cannot be read.`,
      hint: "Write it (one line each: name, key type, public key) or correct the path, then run: sluice validate",
      cause,
    });
  }
}
