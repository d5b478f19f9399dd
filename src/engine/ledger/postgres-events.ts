/** Events, votes and messages, in SQL. */
import type { Approval } from "../../domain/approval.ts";
import type { ChainEnd } from "../../domain/audit.ts";
import type { DeploymentEvent, NewEvent } from "../../domain/events.ts";
import type { SteeringOrder } from "../../domain/steering.ts";
import type { Superseded } from "../../domain/supersede.ts";
import { type Ledger, peopleTopic } from "../../ports/ledger.ts";
import { cancelEvent, chained, steeringEvent, supersedeEvent, voteEvent, voteKey } from "./chain.ts";
import type { LedgerDatabase, Queries } from "./database.ts";
import { type DeploymentFacts, lockDeployment, lockEnvironment, takeCharge } from "./postgres-deployments.ts";
import { deploymentUnknown } from "./refusals.ts";
import { jsonText } from "./storable.ts";

export const eventColumns = `deployment_id as "deploymentId", environment, seq, attempt, at_ms as "atMs", step, phase, key, title, tone,
  actor, detail, hash`;

type EventsPart = Pick<Ledger, "append" | "events" | "audit">;

export function postgresEvents(db: LedgerDatabase): EventsPart {
  return {
    async append(event, attempt) {
      await db.transaction(async (tx) => {
        if (event.deploymentId === null) {
          await appendToEnvironment(tx, event, await lockEnvironment(tx, event.environment));
          return;
        }
        const row = attempt
          ? await takeCharge(tx, event.deploymentId, attempt)
          : await lockDeployment(tx, event.deploymentId);
        await appendToDeployment(tx, event, attempt?.n ?? 0, row);
      });
    },
    events: (deploymentId, afterSeq, limit) =>
      db.rows<DeploymentEvent>(
        `select ${eventColumns} from $schema.events where deployment_id = $1 and seq > $2 order by seq limit $3`,
        [deploymentId, afterSeq, limit ?? null],
      ),
    audit: ({ environment, limit }) =>
      db.rows<DeploymentEvent>(
        `select ${eventColumns} from $schema.events where deployment_id is null and ($1::text is null or environment = $1)
         order by at_ms desc, environment, seq desc limit $2`,
        [environment ?? null, limit ?? null],
      ),
  };
}

interface RowWithChain {
  readonly event_seq: number;
  readonly event_hash: string;
}

const endOf = (row: RowWithChain): ChainEnd => ({ seq: row.event_seq, hash: row.event_hash });

/** The deployment's row is locked: sequence numbers have no gaps, and the chain has no forks. */
async function appendToDeployment(tx: Queries, event: NewEvent, attempt: number, row: DeploymentFacts): Promise<void> {
  const end = await insertEvent(tx, event, attempt, endOf(row));
  if (end)
    await tx.rows("update $schema.deployments set event_seq = $2, event_hash = $3 where id = $1", [
      row.id,
      end.seq,
      end.hash,
    ]);
}

/** The environment's row is locked. */
export async function appendToEnvironment(tx: Queries, event: NewEvent, row: RowWithChain): Promise<void> {
  const end = await insertEvent(tx, event, 0, endOf(row));
  if (!end) return;
  await tx.rows("update $schema.environments set event_seq = $2, event_hash = $3 where name = $1", [
    event.environment,
    end.seq,
    end.hash,
  ]);
}

/** Undefined where the event is there already. */
async function insertEvent(
  tx: Queries,
  event: NewEvent,
  attempt: number,
  end: ChainEnd,
): Promise<ChainEnd | undefined> {
  const [clock] = await tx.rows<{ readonly now: number }>("select $schema.now_ms() as now");
  const e = chained(event, attempt, clock?.now as number, end);
  const inserted = await tx.rows(
    `insert into $schema.events
       (deployment_id, environment, seq, attempt, at_ms, step, phase, key, title, tone, actor, detail, hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     on conflict (deployment_id, step, attempt, phase, key, environment) do nothing returning seq`,
    [
      ...[e.deploymentId, e.environment, e.seq, e.attempt, e.atMs, e.step, e.phase, e.key, e.title, e.tone, e.actor],
      ...[jsonText(e.detail), e.hash],
    ],
  );
  if (inserted.length === 0) return undefined;
  await tx.rows("select pg_notify('sluice_events', $1)", [e.deploymentId ?? `environment ${e.environment}`]);
  return { seq: e.seq, hash: e.hash };
}

type PeoplePart = Pick<
  Ledger,
  | "recordApproval"
  | "approvals"
  | "post"
  | "requestCancel"
  | "supersede"
  | "steer"
  | "undeliveredMessages"
  | "markDelivered"
>;

export function postgresPeople(db: LedgerDatabase): PeoplePart {
  return {
    recordApproval: (id, vote) =>
      db.transaction(async (tx) => {
        const row = await lockDeployment(tx, id);
        const key = voteKey(vote);
        const [made] = await tx.rows<{ readonly atMs: number }>(
          `insert into $schema.approvals (deployment_id, key, vote) values ($1, $2, $3)
           on conflict do nothing returning at_ms as "atMs"`,
          [id, key, jsonText(vote)],
        );
        if (made) {
          await appendToDeployment(tx, voteEvent(id, row.environment, vote), 0, row);
          await post(tx, id, peopleTopic, { kind: "approval", by: vote.by }, `${id}:vote:${key}`);
          return { ...vote, atMs: made.atMs };
        }
        return (await votes(tx, id, key))[0] as Approval;
      }),
    approvals: (id) => votes(db, id),
    post: (id, topic, message, key) =>
      db.transaction(async (tx) => {
        await lockDeployment(tx, id);
        await post(tx, id, topic, message, key);
      }),
    async requestCancel(id, by, reason) {
      await db.transaction(async (tx) => {
        const row = await lockDeployment(tx, id);
        const first = await tx.rows(
          `update $schema.deployments set cancel = jsonb_build_object('by', $2::text, 'reason', $3::text, 'atMs', $schema.now_ms())
           where id = $1 and cancel is null and outcome is null returning id`,
          [id, by, reason],
        );
        if (first.length === 0) return;
        await appendToDeployment(tx, cancelEvent(id, row.environment, by, reason), 0, row);
        await post(tx, id, peopleTopic, { kind: "cancel", by }, `${id}:cancel`);
      });
    },
    supersede: (id, by) => db.transaction((tx) => supersede(tx, id, by)),
    steer: (id, order) => db.transaction((tx) => steer(tx, id, order)),
    undeliveredMessages: (id) =>
      db.rows(
        "select key, topic, message from $schema.messages where deployment_id = $1 and delivered_at_ms is null order by ordinal",
        [id],
      ),
    async markDelivered(key) {
      await db.rows("update $schema.messages set delivered_at_ms = $schema.now_ms() where key = $1", [key]);
    },
  };
}

async function supersede(tx: Queries, id: string, by: Superseded): Promise<boolean> {
  const [found] = await tx.rows<{ readonly environment: string }>(
    "select environment from $schema.deployments where id = $1",
    [id],
  );
  if (!found) throw deploymentUnknown(id);
  // In this order everywhere: the environment first, so that nobody takes the lock meanwhile.
  await lockEnvironment(tx, found.environment);
  const row = await lockDeployment(tx, id);
  if (row.superseded || row.outcome) return row.superseded?.by === by.by;
  const holdsLock = await tx.rows("select 1 from $schema.locks where deployment_id = $1", [id]);
  if (holdsLock.length > 0) return false;
  await tx.rows("update $schema.deployments set superseded = $2 where id = $1", [id, jsonText(by)]);
  await appendToDeployment(tx, supersedeEvent(id, row.environment, by), 0, row);
  await post(tx, id, peopleTopic, { kind: "superseded", ...by }, `${id}:superseded`);
  return true;
}

async function steer(tx: Queries, id: string, order: SteeringOrder): Promise<void> {
  const row = await lockDeployment(tx, id);
  if (row.outcome !== null) return;
  await tx.rows(
    `update $schema.deployments set steering = $2::jsonb || jsonb_build_object('atMs', $schema.now_ms()) where id = $1`,
    [id, jsonText(order)],
  );
  const key = String(row.event_seq + 1);
  await appendToDeployment(tx, steeringEvent(id, row.environment, key, order), 0, row);
  await post(tx, id, peopleTopic, order, `${id}:steer:${key}`);
}

async function post(tx: Queries, id: string, topic: string, message: unknown, key: string): Promise<void> {
  await tx.rows(
    `insert into $schema.messages (key, deployment_id, topic, message) values ($1, $2, $3, $4) on conflict do nothing`,
    [key, id, topic, jsonText(message)],
  );
}

async function votes(queries: Queries, id: string, key: string | null = null): Promise<readonly Approval[]> {
  const rows = await queries.rows<{ readonly vote: Approval; readonly atMs: number }>(
    `select vote, at_ms as "atMs" from $schema.approvals where deployment_id = $1 and ($2::text is null or key = $2)
     order by ordinal`,
    [id, key],
  );
  return rows.map(({ vote, atMs }) => ({ ...vote, atMs }));
}
