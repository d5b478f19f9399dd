/** Due times of schedules, in SQL: the primary key lets one claim each of them. */
import type { ScheduledRun } from "../../domain/schedule.ts";
import type { Ledger } from "../../ports/ledger.ts";
import type { LedgerDatabase } from "./database.ts";
import { jsonText } from "./storable.ts";

const columns = `environment, name, due_at_ms as "dueAtMs", executor, claims, claimed_at_ms as "claimedAtMs",
  ended_at_ms as "endedAtMs", outcome, detail`;

export function postgresScheduled(db: LedgerDatabase): Pick<Ledger, "claimScheduled" | "endScheduled" | "scheduled"> {
  return {
    async claimScheduled({ environment, name, dueAtMs }, executor, after) {
      const key = [environment, name, dueAtMs, jsonText(executor)];
      const claimed =
        after === null
          ? await db.rows(
              `insert into $schema.scheduled (environment, name, due_at_ms, executor) values ($1, $2, $3, $4)
               on conflict do nothing returning name`,
              key,
            )
          : await db.rows(
              `update $schema.scheduled set executor = $4, claims = claims + 1, claimed_at_ms = $schema.now_ms()
               where environment = $1 and name = $2 and due_at_ms = $3 and claims = $5 and ended_at_ms is null
               returning name`,
              [...key, after],
            );
      return claimed.length > 0;
    },
    async endScheduled({ environment, name, dueAtMs }, executor, { outcome, detail }) {
      await db.rows(
        `update $schema.scheduled set ended_at_ms = $schema.now_ms(), outcome = $5, detail = $6
         where environment = $1 and name = $2 and due_at_ms = $3 and executor = $4::jsonb and ended_at_ms is null`,
        [environment, name, dueAtMs, jsonText(executor), outcome, jsonText(detail)],
      );
    },
    scheduled: (environment, limit, name) =>
      db.rows<ScheduledRun>(
        `select ${columns} from $schema.scheduled where environment = $1 and ($3::text is null or name = $3)
         order by due_at_ms desc, name limit $2`,
        [environment, limit, name ?? null],
      ),
  };
}
