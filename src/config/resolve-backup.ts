/** How backups are taken and where they lie, as settings. */
import type { BackupPlace } from "../domain/backup-place.ts";
import type { BackupSettings } from "../domain/backup-settings.ts";
import type { CompleteEnvironment } from "./schema.ts";

export function backupSettings(
  backup: CompleteEnvironment["backup"],
  absolute: (path: string) => string,
): BackupSettings {
  const { encryption, parallel, policy, proof } = backup;
  return {
    policy,
    ...backupPlace(backup, absolute),
    nameTemplate: backup.name,
    proof: {
      level: proof.level ?? (policy === "verified" ? "equal" : "readable"),
      budgetMs: proof.budget,
      equalWithinMs: proof.equalWithin,
    },
    parallel: {
      fromBytes: parallel.from === 0 ? null : parallel.from,
      jobs: parallel.jobs,
      folder: absolute(parallel.folder),
    },
    encryption: encryption ? { recipients: encryption.recipients, identity: encryption.identity ?? null } : null,
    keepNewest: backup.keepNewest,
    keepRecordedDays: backup.keepRecordedDays,
  };
}

function backupPlace(
  { folder, store }: CompleteEnvironment["backup"],
  absolute: (path: string) => string,
): BackupPlace {
  if (store === undefined) return { folder: absolute(folder) };
  if (store.kind === "disk") return { folder: absolute(store.folder) };
  const { kind, bucket, prefix, endpoint, region, pathStyle, accessKey, secretKey, objectLock, encryption } = store;
  return {
    folder: absolute(folder),
    store: {
      kind,
      bucket,
      prefix: prefix.endsWith("/") ? prefix : `${prefix}/`,
      endpoint: endpoint ?? null,
      region,
      pathStyle: pathStyle ?? endpoint !== undefined,
      credentials: accessKey !== undefined && secretKey !== undefined ? { accessKey, secretKey } : null,
      objectLock: objectLock ?? null,
      encryption: encryption ? { kind: encryption.kind, kmsKey: encryption.kmsKey ?? null } : null,
    },
  };
}
