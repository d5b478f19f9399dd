/**
 * B1–B4 B8 B9: a full dump of every database, stored and proven as far as the environment asks for, before anything changes.
 * The manifest is written last: without it the backup does not exist.
 */
import {
  type BackupManifest,
  countsNothing,
  type ProofLimit,
  type ProofSettings,
  proofSettingsOf,
  provenWords,
  rowsOf,
  tablesOf,
} from "../../domain/backup.ts";
import { placeOfBackups } from "../../domain/backup-place.ts";
import type { BackupPolicy } from "../../domain/backup-settings.ts";
import { proofLimitOf } from "../../domain/database-settings.ts";
import { humanBytes, humanDuration } from "../../domain/duration.ts";
import { failureOf } from "../../domain/errors.ts";
import type { Database } from "../../ports/database.ts";
import { proveBackup } from "../backup-proof.ts";
import { roomForCopy } from "../copy-room.ts";
import { claimantOf, underDataLock } from "../data-lock.ts";
import { tellMissedObjectives } from "../objectives.ts";
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
          (database) =>
            `full ${database.kind} dump of ${database.name} to ${placeOfBackups(settings.backup)}, ${settings.backup.encryption ? `encrypted for ${settings.backup.encryption.recipients.join(", ")}, ` : ""}checksum re-read, ${proofWords(proofSettingsOf(settings.backup), proofLimitOf(database))}`,
        ),
  expectedMs: ({ settings }) => (settings.backup.policy === "none" ? 0 : 3_000 * settings.databases.length),
  prepare: (intent) => intent,
  async run(intent, ctx) {
    if (intent.policy === "none") return [];
    const manifests: BackupManifest[] = [];
    for (const database of ctx.parts.databases) {
      await ctx.guard();
      try {
        manifests.push(
          await underDataLock(database, claimantOf("backup", ctx), (signal) =>
            backUp(ctx.parts, database, intent, signal),
          ),
        );
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
    await tellMissedObjectives(ctx, manifests);
    return manifests;
  },
  summary: (manifests) =>
    manifests.length === 0
      ? "none taken"
      : manifests
          .map(
            (manifest) =>
              `${manifest.database} ${provenWords(manifest)}: ${countsNothing(manifest.source.kind) ? "" : `${tablesOf(manifest.tables).length} tables, ${rowsOf(manifest.tables)} rows, `}${humanBytes(manifest.sizeBytes)} in ${humanDuration(manifest.tookMs)}`,
          )
          .join("; "),
};

const proofWords = ({ level, budgetMs, equalWithinMs }: ProofSettings, limit: ProofLimit | undefined): string => {
  if (limit) return limitedWords(level, budgetMs, limit);
  if (level === "readable") return "decoded to its end";
  const how =
    level === "equal" ? "restored into a scratch place and compared" : "restored into a scratch place and counted";
  return `${how}, within ${humanDuration(budgetMs)}; over that, readable and an equal one not older than ${humanDuration(equalWithinMs)}`;
};

const limitedWords = (wanted: ProofSettings["level"], budgetMs: number, { level, because }: ProofLimit): string =>
  level === "restored" && wanted !== "readable"
    ? `restored by its own command within ${humanDuration(budgetMs)}, never compared: ${because}`
    : `never read: ${level === "stored" ? because : "backup.proof does not ask for a restore"}`;

/** One database, proven as far as `backup.proof` says. */
async function backUp(
  parts: Parts,
  database: Database,
  intent: BackupIntent,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const { clock, backups, settings } = parts;
  const startedAtMs = clock.now();
  const proof = proofSettingsOf(settings.backup);
  const copies = proof.level !== "readable" && database.proofLimit?.level !== "stored";
  const room = copies ? await roomForCopy(parts, database, { use: "scratch", neededBytes: null }, signal) : null;
  const dump = await database.dump(signal);
  const id = nameOf(settings.backup.nameTemplate, database.name, intent);
  const seal = await parts.seal?.begin();
  const key = `${id}${dump.extension}${seal ? ".age" : ""}`;
  const stored = await backups.put(key, seal ? seal.seal(dump.bytes) : dump.bytes, signal);
  const inStore = (until: AbortSignal) => backups.get(key, until);
  const open = (until: AbortSignal) => (seal ? seal.open(inStore(until)) : inStore(until));
  const inBudget = intent.deploymentId !== null;
  const proven = await proveBackup(parts, { database, dump, key, stored, open, proof, inBudget, room }, signal);
  const { kind, name, serverVersion, sizeBytes, tables } = dump.facts;
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
    source: { kind, name, serverVersion, sizeBytes },
    tables,
    level: proven.level,
    proof: proven.proof,
    snapshot: dump.snapshot,
    encryption: parts.seal?.encryption ?? null,
    restoreCommands: database.restoreCommands(
      dump.format,
      stored.location,
      `${database.name}_restored`,
      stored.endpoint,
    ),
  };
  const signature = (await parts.signer?.sign(manifest, signal)) ?? null;
  const signed: BackupManifest = { ...manifest, signature };
  await backups.putManifest(signed, signal);
  return signed;
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
