/** Deployments, their attempts and leases, in SQL. */
import type { Attempt } from "../../domain/attempt.ts";
import { defaultLeaseMs, firstFreeId, mayReplace, ruleOnOutcome } from "../../domain/lock.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { Superseded } from "../../domain/supersede.ts";
import type { Attended, DeploymentRow, ExecutorRow, Ledger, UnderWay } from "../../ports/ledger.ts";
import type { LedgerDatabase, Queries } from "./database.ts";
import { deploymentUnknown, outcomeLatched, staleAttempt } from "./refusals.ts";
import { jsonText } from "./storable.ts";

type DeploymentsPart = Pick<
  Ledger,
  | "createDeployment"
  | "deployment"
  | "deployments"
  | "underWay"
  | "setState"
  | "finish"
  | "beginAttempt"
  | "heartbeat"
  | "heartbeats"
  | "assertInCharge"
  | "release"
>;

/** camelCase names make the rest of a row ours as it comes. */
const columnsBesideInput = `id, project, environment, kind, version, commit, started_by as "startedBy",
  created_at_ms as "createdAtMs", state, outcome, ended_at_ms as "endedAtMs", attempt, application_version as "applicationVersion",
  cancel as "cancelRequested", superseded, steering,
  case when executor is null then null else executor || jsonb_build_object('heartbeatAtMs', heartbeat_at_ms,
    'expired', abs($schema.now_ms() - heartbeat_at_ms) > lease_ms) end as executor`;
const columns = `${columnsBesideInput}, input`;

export function postgresDeployments(db: LedgerDatabase): DeploymentsPart {
  return {
    async createDeployment(row) {
      return db.transaction(async (tx) => {
        await lockEnvironment(tx, row.environment);
        // Ids carry the environment of nobody: two environments may ask for the same one at once.
        await tx.rows("select pg_advisory_xact_lock(hashtextextended($1, 0))", [row.id]);
        const taken = await tx.rows<{ readonly id: string }>(
          "select id from $schema.deployments where id = $1 or id like $2",
          [row.id, `${row.id.replaceAll(/[%_\\]/g, "\\$&")}-%`],
        );
        const id = firstFreeId(row.id, (candidate) => taken.some((other) => other.id === candidate));
        const values = [id, row.project, row.environment, row.kind, row.version, row.commit, row.startedBy];
        const [created] = await tx.rows<DeploymentRow>(
          `insert into $schema.deployments
             (id, project, environment, kind, version, commit, started_by, input, application_version)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${columns}`,
          [...values, jsonText(row.input), row.applicationVersion],
        );
        return created as DeploymentRow;
      });
    },

    deployment: async (id) =>
      (await db.rows<DeploymentRow>(`select ${columns} from $schema.deployments where id = $1`, [id]))[0],

    deployments: ({ project, environment, unfinished, limit }) =>
      db.rows<DeploymentRow>(
        `select ${columns} from $schema.deployments
         where ($1::text is null or project = $1) and ($2::text is null or environment = $2)
           and (not $3 or outcome is null) order by ordinal desc limit $4`,
        [project ?? null, environment ?? null, unfinished ?? false, limit ?? null],
      ),

    underWay: (members) =>
      db.rows<UnderWay>(
        `select ${columnsBesideInput},
           (select coalesce(jsonb_object_agg(member, input->member) filter (where input ? member), '{}')
            from unnest($1::text[]) as member) as "inputPart"
         from $schema.deployments where outcome is null order by ordinal desc`,
        [members],
      ),

    async setState(id, state, attempt) {
      await db.transaction(async (tx) => {
        await takeCharge(tx, id, attempt);
        await tx.rows("update $schema.deployments set state = $2 where id = $1 and outcome is null", [id, state]);
      });
    },

    finish: (id, outcome, attempt) => db.transaction((tx) => finish(tx, id, outcome, attempt)),
    beginAttempt: (id, executor, after) =>
      db.transaction((tx) => beginAttempt(tx, db.ledgerId, { id, executor, after })),

    async heartbeat(id, attempt, leaseMs) {
      const [row] = await db.rows<Pick<DeploymentRow, "cancelRequested">>(
        `update $schema.deployments set heartbeat_at_ms = $schema.now_ms(), lease_ms = $3
         where id = $1 and attempt = $2 returning cancel as "cancelRequested"`,
        [id, attempt.n, leaseMs],
      );
      return row ?? refuse(db, id, attempt);
    },

    heartbeats: (beats) =>
      db.rows<Attended>(
        `with beat as (
           select deployments.id, given.lease from $schema.deployments
           join jsonb_to_recordset($1) as given (id text, n integer, lease integer)
             on deployments.id = given.id and deployments.attempt = given.n
           for no key update of deployments skip locked)
         update $schema.deployments as mine set heartbeat_at_ms = $schema.now_ms(), lease_ms = beat.lease
         from beat where mine.id = beat.id
         returning mine.id, mine.cancel as "cancelRequested",
           exists (select from $schema.messages where deployment_id = mine.id and delivered_at_ms is null) as "hasMessages",
           exists (select from $schema.outbox
             where deployment_id = mine.id and delivered_at_ms is null and gave_up_at_ms is null) as "hasNotifications"`,
        [jsonText(beats.map(({ id, attempt, leaseMs }) => ({ id, n: attempt.n, lease: Math.round(leaseMs) })))],
      ),

    async assertInCharge(attempt) {
      const { deploymentId: id, n } = attempt;
      const inCharge = await db.rows("select 1 from $schema.deployments where id = $1 and attempt = $2", [id, n]);
      if (inCharge.length === 0) await refuse(db, id, attempt);
    },

    async release(id, attempt) {
      const released = await db.rows(
        "update $schema.deployments set executor = null where id = $1 and attempt = $2 returning id",
        [id, attempt.n],
      );
      if (released.length === 0) await refuse(db, id, attempt);
    },
  };
}

export interface DeploymentFacts {
  readonly id: string;
  readonly environment: string;
  readonly attempt: number;
  readonly outcome: Outcome | null;
  readonly superseded: Superseded | null;
  readonly event_seq: number;
  readonly event_hash: string;
}

/**
 * Locks the deployment's row until the transaction ends. Not its key: whoever adds an event to it needs that, and would otherwise
 * wait for one who waits for him.
 */
export async function lockDeployment(tx: Queries, id: string): Promise<DeploymentFacts> {
  const [row] = await tx.rows<DeploymentFacts>(
    "select id, environment, attempt, outcome, superseded, event_seq, event_hash from $schema.deployments where id = $1 for no key update",
    [id],
  );
  if (!row) throw deploymentUnknown(id);
  return row;
}

/** The same, and refuses an attempt that is no longer in charge. */
export async function takeCharge(tx: Queries, id: string, attempt: Attempt): Promise<DeploymentFacts> {
  const row = await lockDeployment(tx, id);
  if (row.attempt !== attempt.n) throw staleAttempt(id, attempt.n);
  return row;
}

/** Locks the environment's row, which is made where it is missing. */
export async function lockEnvironment(
  tx: Queries,
  environment: string,
): Promise<{ readonly event_seq: number; readonly event_hash: string; readonly serving_id: number | null }> {
  await tx.rows("insert into $schema.environments (name) values ($1) on conflict do nothing", [environment]);
  const [row] = await tx.rows<{ event_seq: number; event_hash: string; serving_id: number | null }>(
    "select event_seq, event_hash, serving_id from $schema.environments where name = $1 for no key update",
    [environment],
  );
  return row as { event_seq: number; event_hash: string; serving_id: number | null };
}

/** Higher than every number issued in the environment before. */
export async function nextNumber(tx: Queries, environment: string): Promise<number> {
  const [row] = await tx.rows<{ readonly n: number }>(
    "update $schema.environments set last_attempt = last_attempt + 1 where name = $1 returning last_attempt as n",
    [environment],
  );
  return (row as { readonly n: number }).n;
}

async function beginAttempt(
  tx: Queries,
  ledgerId: string,
  asked: {
    readonly id: string;
    readonly executor: Pick<ExecutorRow, "id" | "host" | "pid">;
    readonly after: number | undefined;
  },
): Promise<Attempt> {
  const { id, executor, after } = asked;
  const [found] = await tx.rows<{ readonly environment: string }>(
    "select environment from $schema.deployments where id = $1",
    [id],
  );
  if (!found) throw deploymentUnknown(id);
  await lockEnvironment(tx, found.environment);
  if (after !== undefined && !mayReplace(await lockDeployment(tx, id), after)) throw staleAttempt(id, after);
  const n = await nextNumber(tx, found.environment);
  await tx.rows(
    `update $schema.deployments set attempt = $2, executor = $3, heartbeat_at_ms = $schema.now_ms(), lease_ms = $4
     where id = $1`,
    [id, n, jsonText({ id: executor.id, host: executor.host, pid: executor.pid }), defaultLeaseMs],
  );
  await tx.rows("update $schema.locks set attempt = $2 where deployment_id = $1 and kind = 'deployment'", [id, n]);
  return { ledgerId, n, deploymentId: id };
}

async function finish(tx: Queries, id: string, outcome: Outcome, attempt: Attempt): Promise<void> {
  const row = await takeCharge(tx, id, attempt);
  const ruling = ruleOnOutcome(row.outcome, outcome);
  if (ruling === "refuse") throw outcomeLatched(id, row.outcome as Outcome, outcome);
  if (ruling === "same") return;
  await tx.rows(
    "update $schema.deployments set outcome = $2, state = 'ended', ended_at_ms = $schema.now_ms() where id = $1",
    [id, outcome],
  );
}

async function refuse(db: Queries, id: string, attempt: Attempt): Promise<never> {
  const known = await db.rows("select 1 from $schema.deployments where id = $1", [id]);
  throw known.length === 0 ? deploymentUnknown(id) : staleAttempt(id, attempt.n);
}
