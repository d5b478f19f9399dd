/** The outbox in SQL: one line for each deployment and channel, in which nobody passes one that waits for its next try. */
import type { Outbox, OutboxRow } from "../../ports/outbox.ts";
import type { LedgerDatabase } from "./database.ts";
import { jsonText } from "./storable.ts";

/** Of the table under the name `mine`. */
const columns = `mine.key, mine.deployment_id as "deploymentId", mine.channel, mine.notification, mine.attempts,
  mine.last_error as "lastError", mine.delivered_at_ms as "deliveredAtMs", mine.gave_up_at_ms as "gaveUpAtMs",
  (select first.thread from $schema.outbox first where first.deployment_id = mine.deployment_id
     and first.channel = mine.channel and first.thread is not null order by first.ordinal limit 1) as thread`;

const due = `mine.delivered_at_ms is null and mine.gave_up_at_ms is null and not exists (
  select from $schema.outbox other where other.delivered_at_ms is null and other.gave_up_at_ms is null
    and other.deployment_id = mine.deployment_id and other.channel = mine.channel
    and other.ordinal <= mine.ordinal and other.next_attempt_at_ms > $schema.now_ms())`;

export function postgresOutbox(db: LedgerDatabase): Outbox {
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
        `select ${columns} from $schema.outbox mine where ${due} and ($2::text is null or mine.deployment_id = $2)
         order by mine.ordinal limit $1`,
        [limit, deploymentId ?? null],
      ),
    claimLeftNotifications: (environment, limit, forMs) =>
      db.rows<OutboxRow>(
        `with left_over as (
           select mine.key as wanted from $schema.outbox mine where ${due} and mine.notification->>'environment' = $1
             and not exists (select from $schema.deployments where id = mine.deployment_id and outcome is null)
           order by mine.ordinal limit $2 for no key update skip locked),
         claimed as (
           update $schema.outbox mine set next_attempt_at_ms = $schema.now_ms() + $3 from left_over where key = wanted
           returning mine.*)
         select ${columns} from claimed mine order by mine.ordinal`,
        [environment, limit, Math.round(forMs)],
      ),
    async notificationDelivered(key, thread) {
      await db.rows(
        `update $schema.outbox set delivered_at_ms = $schema.now_ms(), attempts = attempts + 1, thread = $2
         where key = $1 and delivered_at_ms is null`,
        [key, thread === undefined ? null : jsonText(thread)],
      );
    },
    async notificationFailed(key, error, retryAfterMs) {
      const inMs = retryAfterMs === null ? null : Math.round(retryAfterMs);
      await db.rows(
        `update $schema.outbox set attempts = attempts + 1, last_error = $2,
           next_attempt_at_ms = coalesce($schema.now_ms() + $3::bigint, next_attempt_at_ms),
           gave_up_at_ms = case when $3::bigint is null then $schema.now_ms() end
         where key = $1 and delivered_at_ms is null`,
        [key, error, inMs],
      );
    },
    undelivered: (deploymentId) =>
      db.rows<OutboxRow>(
        `select ${columns} from $schema.outbox mine where mine.deployment_id = $1 and mine.delivered_at_ms is null
         order by mine.ordinal`,
        [deploymentId],
      ),
    async reviveNotifications(environment, channel) {
      const revived = await db.rows(
        `update $schema.outbox set gave_up_at_ms = null, next_attempt_at_ms = 0
         where gave_up_at_ms is not null and delivered_at_ms is null and notification->>'environment' = $1
           and ($2::text is null or channel = $2) returning key`,
        [environment, channel ?? null],
      );
      return revived.length;
    },
  };
}
