/**
 * The ledger in PostgreSQL, in a schema of its own beside the journal. Each write is one transaction that locks the rows
 * it decides on, asks `domain/lock.ts`, and writes; an attempt that is no longer in charge is refused in the same one.
 */

import type { Json } from "../../domain/json.ts";
import type { Ledger } from "../../ports/ledger.ts";
import { type LedgerDatabase, openDatabase } from "./database.ts";
import { postgresAudit } from "./postgres-audit.ts";
import { postgresDeployments } from "./postgres-deployments.ts";
import { postgresEvents, postgresPeople } from "./postgres-events.ts";
import { postgresEvidence } from "./postgres-evidence.ts";
import { postgresLocks, postgresServing } from "./postgres-locks.ts";
import { postgresOutbox } from "./postgres-outbox.ts";
import { postgresPins } from "./postgres-pins.ts";
import { postgresScheduled } from "./postgres-scheduled.ts";
import { jsonText } from "./storable.ts";

/** Opens the ledger, making or updating its tables. Throws LEDGER_UNREACHABLE or LEDGER_NEWER. */
export async function postgresLedger(options: { readonly url: string; readonly schema?: string }): Promise<Ledger> {
  const db = await openDatabase(options.url, options.schema ?? "sluice");
  return {
    id: db.ledgerId,
    now: async () => (await db.rows<{ readonly now: number }>("select $schema.now_ms() as now"))[0]?.now as number,
    ...postgresDeployments(db),
    ...postgresLocks(db),
    ...postgresServing(db),
    ...postgresEvents(db),
    ...postgresAudit(db),
    ...postgresPeople(db),
    ...postgresEvidence(db),
    ...postgresOutbox(db),
    ...postgresScheduled(db),
    ...postgresPins(db),
    ...postgresRecords(db),
    close: db.close,
  };
}

function postgresRecords(db: LedgerDatabase): Pick<Ledger, "saveRecord" | "record"> {
  return {
    async saveRecord(deploymentId, record) {
      await db.rows(
        `insert into $schema.records (deployment_id, record) values ($1, $2)
         on conflict (deployment_id) do update set record = $2, saved_at_ms = $schema.now_ms()`,
        [deploymentId, jsonText(record)],
      );
    },
    record: async (deploymentId) =>
      (
        await db.rows<{ readonly record: Json }>("select record from $schema.records where deployment_id = $1", [
          deploymentId,
        ])
      )[0]?.record,
  };
}
