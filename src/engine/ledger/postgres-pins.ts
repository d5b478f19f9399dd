/** Pinned backups, in SQL. */
import type { BackupPin, BackupPins } from "../../ports/backup-pins.ts";
import { pinEvent } from "./chain.ts";
import type { LedgerDatabase } from "./database.ts";
import { lockEnvironment } from "./postgres-deployments.ts";
import { appendToEnvironment } from "./postgres-events.ts";

export function postgresPins(db: LedgerDatabase): BackupPins {
  return {
    async pinBackup(pin) {
      const { environment, backupId, by, reason } = pin;
      await db.transaction(async (tx) => {
        const chainEnd = await lockEnvironment(tx, environment);
        await tx.rows(
          `insert into $schema.pins (environment, backup_id, pinned_by, reason) values ($1, $2, $3, $4)
           on conflict (environment, backup_id) do update set pinned_by = $3, reason = $4, at_ms = $schema.now_ms()`,
          [environment, backupId, by, reason],
        );
        await appendToEnvironment(tx, pinEvent("pin", pin), chainEnd);
      });
    },
    unpinBackup: (pin) =>
      db.transaction(async (tx) => {
        const chainEnd = await lockEnvironment(tx, pin.environment);
        const removed = await tx.rows(
          "delete from $schema.pins where environment = $1 and backup_id = $2 returning backup_id",
          [pin.environment, pin.backupId],
        );
        if (removed.length > 0) await appendToEnvironment(tx, pinEvent("unpin", pin), chainEnd);
        return removed.length > 0;
      }),
    pins: (environment) =>
      db.rows<BackupPin>(
        `select environment, backup_id as "backupId", pinned_by as by, reason from $schema.pins where environment = $1
         order by at_ms, backup_id`,
        [environment],
      ),
  };
}
