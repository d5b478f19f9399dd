/** What an audit reads, in SQL. Nothing here trusts a number in a row: also events that no story would show are found. */
import type { Chain } from "../../domain/audit.ts";
import type { DeploymentEvent } from "../../domain/events.ts";
import type { Ledger } from "../../ports/ledger.ts";
import type { LedgerDatabase } from "./database.ts";
import { eventColumns } from "./postgres-events.ts";

/** Per kind: the row that notes the chain's end, and the chain's events. */
const parts = {
  deployment: {
    end: "select event_seq, event_hash from $schema.deployments where id = $1",
    events: "deployment_id = $1",
  },
  environment: {
    end: "select event_seq, event_hash from $schema.environments where name = $1",
    events: "deployment_id is null and environment = $1",
  },
} as const satisfies Record<Chain["kind"], unknown>;

/** The left joins give at least one row: with nulls for what is not there. */
interface Joined extends Omit<DeploymentEvent, "seq"> {
  readonly event_seq: number | null;
  readonly event_hash: string | null;
  readonly seq: number | null;
}

export function postgresAudit(db: LedgerDatabase): Pick<Ledger, "actions" | "chains" | "chain"> {
  return {
    actions: ({ environment, deploymentId, limit }) =>
      db.rows<DeploymentEvent>(
        `select ${eventColumns} from $schema.events where actor is not null
           and ($1::text is null or environment = $1) and ($2::text is null or deployment_id = $2)
         order by at_ms desc, seq desc limit $3`,
        [environment ?? null, deploymentId ?? null, limit ?? null],
      ),
    chains: () =>
      db.rows<Chain>(
        `select 'deployment' as kind, id from $schema.deployments
         union select 'deployment', deployment_id from $schema.events where deployment_id is not null
         union select 'environment', name from $schema.environments
         union select 'environment', environment from $schema.events where deployment_id is null
         order by kind, id`,
      ),
    async chain(chain) {
      const { end, events } = parts[chain.kind];
      // One statement sees one moment: a story that grows meanwhile does not look cut.
      const rows = await db.rows<Joined>(
        `select noted.*, told.* from (select 1) as one left join (${end}) as noted on true
         left join (select ${eventColumns} from $schema.events where ${events}) as told on true order by seq`,
        [chain.id],
      );
      const noted = rows[0];
      return {
        chain,
        end: noted?.event_seq == null ? null : { seq: noted.event_seq, hash: noted.event_hash ?? "" },
        events: rows.flatMap(eventOf),
      };
    },
  };
}

const eventOf = ({ event_seq: _seq, event_hash: _hash, seq, ...event }: Joined): readonly DeploymentEvent[] =>
  seq === null ? [] : [{ ...event, seq }];
