/** Pinned backups, in memory. */
import type { BackupPin, BackupPins } from "../../ports/backup-pins.ts";
import { pinEvent } from "./chain.ts";
import { kept, type MemoryStore } from "./memory-store.ts";

export function memoryPins(store: MemoryStore): BackupPins {
  const pins = new Map<string, BackupPin>();
  const keyOf = ({ backupId, environment }: BackupPin): string => JSON.stringify([environment, backupId]);
  return {
    async pinBackup(pin) {
      pins.set(keyOf(pin), kept(pin));
      store.append(pinEvent("pin", pin), 0);
    },
    async unpinBackup(pin) {
      if (!pins.delete(keyOf(pin))) return false;
      store.append(pinEvent("unpin", pin), 0);
      return true;
    },
    pins: async (environment) => [...pins.values()].filter((pin) => pin.environment === environment),
  };
}
