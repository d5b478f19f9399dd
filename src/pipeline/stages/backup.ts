/**
 * B1–B4 B8 B9: a full dump of every database, stored, read back by checksum and decoded to its end, before anything changes.
 * The manifest is written last: without it the backup does not exist.
 */
import type { BackupManifest } from "../../domain/backup.ts";
import { humanBytes, humanDuration } from "../../domain/duration.ts";
import { failureOf, SluiceError } from "../../domain/errors.ts";
import type { BackupPolicy } from "../../domain/settings.ts";
import type { StoredObject } from "../../ports/backup-store.ts";
import type { Database, Dump } from "../../ports/database.ts";
import type { Parts } from "../parts.ts";
import type { Stage } from "../stage.ts";

interface BackupIntent {
  readonly environment: string;
  readonly policy: BackupPolicy;
  readonly takenAtMs: number;
  /** Null: asked for by hand or by a schedule. */
  readonly deploymentId: string | null;
}

export const backup: Stage<BackupIntent, BackupIntent, readonly BackupManifest[]> = {
  name: "backup",
  touches: "backups",
  plan: ({ settings }) =>
    settings.backup.policy === "none"
      ? []
      : settings.databases.map(
          ({ name, kind }) =>
            `full ${kind} dump of ${name} to ${settings.backup.folder}, checksum re-read, ${settings.backup.policy === "verified" ? "restored into a scratch place and counted" : "decoded to its end"}`,
        ),
  expectedMs: ({ settings }) => (settings.backup.policy === "none" ? 0 : 3_000 * settings.databases.length),
  prepare: (intent) => intent,
  async run(intent, ctx) {
    if (intent.policy === "none") return [];
    const manifests: BackupManifest[] = [];
    for (const database of ctx.parts.databases) {
      await ctx.guard();
      try {
        manifests.push(await backUp(ctx.parts, database, intent, ctx.signal));
      } catch (thrown) {
        ctx.signal.throwIfAborted();
        const failure = failureOf(thrown, "stages.backup");
        if (intent.policy !== "optional") throw thrown;
        await ctx.progress(`no backup of ${database.name}: ${failure.message}`, {}, "warn");
      }
    }
    await ctx.parts
      .runFolder(ctx.deploymentId)
      .write("backup-metadata.json", `${JSON.stringify(manifests, null, 2)}\n`);
    return manifests;
  },
  summary: (manifests) =>
    manifests.length === 0
      ? "none taken"
      : manifests
          .map(
            ({ database, level, tables, sizeBytes, tookMs }) =>
              `${database} ${level}: ${tables.length} tables, ${tables.reduce((sum, { rows }) => sum + rows, 0)} rows, ${humanBytes(sizeBytes)} in ${humanDuration(tookMs)}`,
          )
          .join("; "),
};

/** One database, proven as far as `readable`, or with the policy `verified` as far as `restored`. */
export async function backUp(
  parts: Parts,
  database: Database,
  intent: BackupIntent,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const { clock, backups, settings } = parts;
  const startedAtMs = clock.now();
  const dump = await database.dump(signal);
  const id = nameOf(settings.backup.nameTemplate, database.name, intent);
  const key = `${id}${dump.extension}`;
  const stored = await backups.put(key, dump.bytes, signal);
  await reRead(parts, key, stored, signal);
  await database.readBack(dump.format, backups.get(key, signal), signal);
  const level = intent.policy === "verified" ? await rehearse(parts, database, dump, key, signal) : "readable";
  const manifest: BackupManifest = {
    id,
    environment: intent.environment,
    database: database.name,
    deploymentId: intent.deploymentId,
    takenAtMs: intent.takenAtMs,
    tookMs: clock.now() - startedAtMs,
    format: dump.format,
    key,
    location: stored.location,
    sizeBytes: stored.sizeBytes,
    sha256: stored.sha256,
    source: { kind: dump.facts.kind, name: dump.facts.name, serverVersion: dump.facts.serverVersion },
    tables: dump.facts.tables,
    level,
    restoreCommands: database.restoreCommands(dump.format, stored.location, `${database.name}_restored`),
  };
  await backups.putManifest(manifest, signal);
  return manifest;
}

function nameOf(template: string, database: string, intent: BackupIntent): string {
  const time = new Date(intent.takenAtMs)
    .toISOString()
    .replaceAll(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z");
  return template
    .replaceAll("{environment}", intent.environment)
    .replaceAll("{database}", database)
    .replaceAll("{time}", time)
    .replaceAll("{deployment}", intent.deploymentId ?? "manual");
}

/** B3 B8: restored into a scratch place, where every table must have the rows that it had when the dump was taken. */
async function rehearse(
  parts: Parts,
  database: Database,
  dump: Dump,
  key: string,
  signal: AbortSignal,
): Promise<"restored"> {
  const restored = await database.rehearse(dump.format, parts.backups.get(key, signal), signal);
  const rows = new Map(restored.tables.map((table) => [table.name, table.rows]));
  const differing = dump.facts.tables.filter((table) => rows.get(table.name) !== table.rows);
  if (differing.length === 0 && restored.tables.length === dump.facts.tables.length) return "restored";
  const named = differing.map(
    (table) => `${table.name} has ${rows.get(table.name) ?? "no"} rows instead of ${table.rows}`,
  );
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "stages.backup",
    message: `Restored from its backup, ${database.name} is not what was dumped: ${named.join(", ") || "it has other tables"}.`,
    hint: `Nothing was deployed. Take a new one: sluice backup create ${parts.settings.environment}`,
  });
}

/** Lie 1: "the backup is fine". What lies in the store is read again and hashed; what was sent does not count. */
async function reRead(parts: Parts, key: string, stored: StoredObject, signal: AbortSignal): Promise<void> {
  const { sha256, sizeBytes } = await parts.hashOf(parts.backups.get(key, signal));
  if (sha256 === stored.sha256 && sizeBytes === stored.sizeBytes && sizeBytes > 0) return;
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "stages.backup",
    message: `${stored.location} was written with ${stored.sizeBytes} bytes (${stored.sha256.slice(0, 12)}) and reads back as ${sizeBytes} bytes (${sha256.slice(0, 12)}).`,
    hint: `Nothing was deployed. Check the disk of ${parts.backups.name}, then: sluice backup create ${parts.settings.environment}`,
  });
}
