/** Where backups lie, as settings. */
import type { BackupPlace } from "../domain/backup-place.ts";
import type { CompleteEnvironment } from "./schema.ts";

export function backupPlace(
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
