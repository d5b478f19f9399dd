/**
 * The ledger in PostgreSQL, in a schema of its own beside the journal. Each write is one transaction that locks the rows
 * it decides on, asks `domain/lock.ts`, and writes; an attempt that is no longer in charge is refused in the same one.
 */

import type { Json } from "../../domain/json.ts";
import type { Ledger, OutboxRow } from "../../ports/ledger.ts";
import { type LedgerDatabase, openDatabase } from "./database.ts";
import { postgresAudit } from "./postgres-audit.ts";
import { postgresDeployments } from "./postgres-deployments.ts";
import { postgresEvents, postgresPeople } from "./postgres-events.ts";
import { postgresEvidence } from "./postgres-evidence.ts";
import { postgresLocks, postgresServing } from "./postgres-locks.ts";
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

type OutboxPart = Pick<
  Ledger,
  | "enqueueNotifications"
  | "dueNotifications"
  | "claimLeftNotifications"
  | "notificationDelivered"
  | "notificationFailed"
  | "undelivered"
>;

const outboxColumns = `key, deployment_id as "deploymentId", channel, notification, attempts, last_error as "lastError",
  delivered_at_ms as "deliveredAtMs"`;

function postgresOutbox(db: LedgerDatabase): OutboxPart {
  return {
    async enqueueNotifications(rows) {
      await db.rows(
        `insert into $schema.outbox (key, deployment_id, channel, notification)
         select key, notification->>'deploymentId', channel, notification
         from jsonb_to_recordset($1) as given (key text, channel text, notification jsonb)
         on conflict do nothing`,
        [jsonText(rows)],
      );
    },
    dueNotifications: (limit, deploymentId) =>
      db.rows<OutboxRow>(
        `select ${outboxColumns} from $schema.outbox where delivered_at_ms is null
           and next_attempt_at_ms <= $schema.now_ms() and ($2::text is null or deployment_id = $2)
         order by ordinal limit $1`,
        [limit, deploymentId ?? null],
      ),
    claimLeftNotifications: (environment, limit, forMs) =>
      db.rows<OutboxRow>(
        `with left_over as (
           select key as wanted from $schema.outbox waiting where delivered_at_ms is null
             and next_attempt_at_ms <= $schema.now_ms() and notification->>'environment' = $1
             and not exists (select from $schema.deployments where id = waiting.deployment_id and outcome is null)
           order by ordinal limit $2 for no key update skip locked)
         update $schema.outbox set next_attempt_at_ms = $schema.now_ms() + $3 from left_over where key = wanted
         returning ${outboxColumns}`,
        [environment, limit, Math.round(forMs)],
      ),
    async notificationDelivered(key) {
      await db.rows(
        `update $schema.outbox set delivered_at_ms = $schema.now_ms(), attempts = attempts + 1
         where key = $1 and delivered_at_ms is null`,
        [key],
      );
    },
    async notificationFailed(key, error, retryAfterMs) {
      await db.rows(
        `update $schema.outbox set attempts = attempts + 1, last_error = $2,
           next_attempt_at_ms = $schema.now_ms() + $3 where key = $1 and delivered_at_ms is null`,
        [key, error, Math.round(retryAfterMs)],
      );
    },
    undelivered: (deploymentId) =>
      db.rows<OutboxRow>(
        `select ${outboxColumns} from $schema.outbox where deployment_id = $1 and delivered_at_ms is null order by ordinal`,
        [deploymentId],
      ),
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
