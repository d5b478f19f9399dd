/** The stores of backups, as settings say. Listing them needs neither a ledger nor anything else of an environment. */
import { diskBackupStore } from "../adapters/disk/backup-store.ts";
import { s3BackupStore } from "../adapters/s3/backup-store.ts";
import { resolveSecrets } from "../config/secrets.ts";
import { placeOfBackups, type S3StoreSettings } from "../domain/backup-place.ts";
import type { BackupSettings } from "../domain/backup-settings.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { BackupStore } from "../ports/backup-store.ts";
import type { Clock } from "../ports/clock.ts";
import { machineClock } from "./clock.ts";
import { readText } from "./project.ts";
import { type Resolve, secretLookup } from "./secret-lookup.ts";

interface Around {
  readonly resolve: Resolve;
  readonly clock: Clock;
}

export function backupStoreFor(settings: BackupSettings, around: Around): BackupStore {
  const { store, folder } = settings;
  if (store === undefined) return diskBackupStore({ folder, name: folder });
  return whenUsed(placeOfBackups(settings), () => s3BackupStore({ ...store, ...keysOf(store, around) }));
}

const keysOf = ({ credentials }: S3StoreSettings, { resolve, clock }: Around) => ({
  clock,
  credentials: credentials && {
    accessKey: resolve(credentials.accessKey),
    secretKey: secretOf("SECRET_KEY", resolve(credentials.secretKey)),
  },
});

const secretOf = (name: string, value: string | Secret): Secret =>
  value instanceof Secret ? value : new Secret(name, value);

/** A missing secret must not keep `status` and `plan` from being wired: it is told when the store is used. */
function whenUsed(name: string, make: () => BackupStore): BackupStore {
  let made: BackupStore | undefined;
  const store = (): BackupStore => {
    made ??= make();
    return made;
  };
  return {
    kind: "s3",
    name,
    put: async (...args) => store().put(...args),
    async *get(...args) {
      yield* store().get(...args);
    },
    putManifest: async (...args) => store().putManifest(...args),
    list: async (...args) => store().list(...args),
    remove: async (...args) => store().remove(...args),
    freeBytes: async (...args) => store().freeBytes(...args),
    leftOvers: async (...args) => (await store().leftOvers?.(...args)) ?? [],
  };
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** Each place once: environments may share one. */
export function backupStoresOf(
  settings: readonly EnvironmentSettings[],
  environment: Variables,
): readonly BackupStore[] {
  const places = new Map(settings.map((one) => [placeOfBackups(one.backup), one]));
  return [...places.values()].map((one) => {
    const { secrets } = resolveSecrets(one, { environment, readFile: readText });
    return backupStoreFor(one.backup, { resolve: secretLookup(secrets), clock: machineClock });
  });
}
