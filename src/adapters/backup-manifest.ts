/** What every store of backups agrees on: what may name one, what a manifest looks like, and the words for what is wrong. */
import { z } from "zod";
import type { BackupManifest } from "../domain/backup.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Faulty } from "../ports/backup-store.ts";

/** An object lies under its key, its manifest beside it as `<key>.manifest.json`. */
export const manifestSuffix = ".manifest.json";

/** No separators, no leading dot, and nothing that looks like the manifest of another key. */
const keyShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export const canNameBackup = (key: string): boolean => keyShape.test(key) && !key.endsWith(manifestSuffix);

// Unknown members are kept: a later version may write more than this one knows.
const Manifest = z.looseObject({
  id: z.string().min(1),
  environment: z.string(),
  database: z.string(),
  deploymentId: z.string().nullable(),
  takenAtMs: z.number(),
  tookMs: z.number(),
  format: z.string(),
  key: z.string().regex(keyShape),
  location: z.string(),
  sizeBytes: z.int().min(0),
  sha256: z.string(),
  source: z.looseObject({ kind: z.string(), name: z.string(), serverVersion: z.string() }),
  tables: z.array(
    z.looseObject({ name: z.string(), rows: z.int().min(0), hash: z.string().nullable().exactOptional() }),
  ),
  level: z.enum(["stored", "readable", "restored", "equal"]),
  restoreCommands: z.array(z.string()),
  signature: z.string().nullable().exactOptional(),
});

export type ReadManifest =
  | { readonly kind: "sound"; readonly manifest: BackupManifest }
  | { readonly kind: "faulty"; readonly fault: string };

export function readManifest(text: string): ReadManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { kind: "faulty", fault: error instanceof Error ? error.message : String(error) };
  }
  const parsed = Manifest.safeParse(json);
  return parsed.success
    ? { kind: "sound", manifest: parsed.data }
    : { kind: "faulty", fault: z.prettifyError(parsed.error).replaceAll("\n", " ") };
}

export const manifestText = (manifest: BackupManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

export const newestFirst = (a: BackupManifest, b: BackupManifest): number =>
  b.takenAtMs - a.takenAtMs || (a.id < b.id ? 1 : -1);

export function cannotNameBackup(store: string, key: string): SluiceError {
  return new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: `backups.${store}`,
    message: `"${key}" cannot name a backup: letters, digits, dot, underscore and hyphen are allowed, at most 200, no dot first, no "${manifestSuffix}" last.`,
    hint: "Use a name shown by: sluice backup list",
  });
}

export function unknownBackup(store: string, location: string): SluiceError {
  return new SluiceError({
    code: "BACKUP_UNKNOWN",
    remedy: "operator",
    at: `backups.${store}`,
    message: `There is no backup at ${location}.`,
    hint: "See which ones exist with: sluice backup list",
  });
}

export function manifestRefused(store: string, id: string, fault: string): SluiceError {
  return new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "bug",
    at: `backups.${store}`,
    message: `The manifest of ${id} was not written: ${fault}.`,
    hint: "Take the backup again with: sluice backup",
  });
}

/** Throws for all of them at once, unless somebody hears of them. */
export function tellFaulty(
  store: string,
  place: string,
  faults: readonly string[],
  faulty: Faulty = (): never => {
    throw untrustworthy(store, place, faults);
  },
): void {
  for (const fault of faults) faulty(fault);
}

function untrustworthy(store: string, place: string, faults: readonly string[]): SluiceError {
  return new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: `backups.${store}`,
    message: `${faults.length === 1 ? "A backup" : `${faults.length} backups`} in ${place} cannot be trusted: ${faults.join("; ")}.`,
    hint: "Look at each file; repair it, or move it and its manifest elsewhere. Then run: sluice backup list",
  });
}
