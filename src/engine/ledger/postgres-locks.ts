/** The environment's lock and what it serves, in SQL. */
import type { Attempt } from "../../domain/attempt.ts";
import { asJson } from "../../domain/json.ts";
import { type InQueue, type LockAsker, ruleOnLock, ruleOnTurn } from "../../domain/lock.ts";
import type { Ledger, LockRow, ServingRow } from "../../ports/ledger.ts";
import { lockEvent } from "./chain.ts";
import type { LedgerDatabase, Queries } from "./database.ts";
import { lockEnvironment, nextNumber, takeCharge } from "./postgres-deployments.ts";
import { appendToEnvironment } from "./postgres-events.ts";
import { answerTo } from "./refusals.ts";
import { jsonText } from "./storable.ts";

type LocksPart = Pick<Ledger, "acquireLock" | "acquireManualLock" | "releaseLock" | "forceUnlock" | "lock" | "locks">;

const columns = `environment, deployment_id as "deploymentId", attempt, held_by as "heldBy", since_ms as "sinceMs", kind, reason`;

/** A lock that an ended deployment left is no lock. */
const live = `from $schema.locks l where kind = 'manual' or exists
  (select 1 from $schema.deployments d where d.id = l.deployment_id and d.outcome is null)`;

export function postgresLocks(db: LedgerDatabase): LocksPart {
  return {
    acquireLock: (environment, attempt, heldBy, waits = false) =>
      db.transaction(async (tx) => {
        await lockEnvironment(tx, environment);
        const { id: deploymentId, superseded } = await takeCharge(tx, attempt.deploymentId, attempt);
        const { ruling, holder } = await rule(tx, environment, { kind: "deployment", deploymentId });
        const others = waits ? await joinQueue(tx, environment, deploymentId) : [];
        const turn = ruleOnTurn(ruling, { deploymentId, superseded: superseded !== null }, others);
        return turn.kind === "take"
          ? { kind: "acquired", attempt: await take(tx, environment, attempt, heldBy) }
          : answerTo(turn, attempt, holder, superseded);
      }),

    acquireManualLock: (environment, by, reason) =>
      db.transaction(async (tx) => {
        const chainEnd = await lockEnvironment(tx, environment);
        const { ruling, holder } = await rule(tx, environment, { kind: "manual", by });
        const attempt = (n: number) => ({ ledgerId: db.ledgerId, n, deploymentId: "" });
        if (ruling === "busy") return { kind: "busy", holder: holder as LockRow };
        if (ruling === "keep") return { kind: "acquired", attempt: attempt((holder as LockRow).attempt) };
        const n = await nextNumber(tx, environment);
        await put(tx, [environment, "", n, by, "manual", reason]);
        await appendToEnvironment(tx, lockEvent("lock", String(n), environment, by, reason, null), chainEnd);
        return { kind: "acquired", attempt: attempt(n) };
      }),

    async releaseLock(environment, attempt) {
      await db.transaction(async (tx) => {
        await takeCharge(tx, attempt.deploymentId, attempt);
        await tx.rows(
          "delete from $schema.locks where environment = $1 and deployment_id = $2 and kind = 'deployment'",
          [environment, attempt.deploymentId],
        );
      });
    },

    forceUnlock: (environment, by, reason) =>
      db.transaction(async (tx) => {
        const chainEnd = await lockEnvironment(tx, environment);
        const [released] = await tx.rows<LockRow>(
          `delete from $schema.locks where environment = $1 returning ${columns}`,
          [environment],
        );
        if (!released) return undefined;
        const n = await nextNumber(tx, environment);
        // Whoever held it must not go on acting without it: its attempt is no longer in charge.
        await tx.rows("update $schema.deployments set attempt = $2 where id = $1 and outcome is null", [
          released.deploymentId,
          n,
        ]);
        const event = lockEvent("unlock", String(n), environment, by, reason, asJson(released));
        await appendToEnvironment(tx, event, chainEnd);
        return released;
      }),

    lock: async (environment) =>
      (
        await db.rows<LockRow>(`select * from (select ${columns} ${live}) live where environment = $1`, [environment])
      )[0],
    locks: () => db.rows<LockRow>(`select ${columns} ${live} order by environment`),
  };
}

async function rule(tx: Queries, environment: string, asker: LockAsker) {
  const [holder] = await tx.rows<LockRow & { readonly holderEnded: boolean }>(
    `select ${columns}, kind = 'deployment' and not exists
       (select 1 from $schema.deployments d where d.id = deployment_id and d.outcome is null) as "holderEnded"
     from $schema.locks where environment = $1`,
    [environment],
  );
  if (!holder) return { ruling: ruleOnLock(undefined, asker), holder: undefined };
  const { holderEnded, ...row } = holder;
  return { ruling: ruleOnLock(holder, asker), holder: row };
}

async function take(tx: Queries, environment: string, attempt: Attempt, heldBy: string): Promise<Attempt> {
  const { deploymentId: id } = attempt;
  const n = await nextNumber(tx, environment);
  await tx.rows("update $schema.deployments set attempt = $2, queued_at_ms = null where id = $1", [id, n]);
  await put(tx, [environment, id, n, heldBy, "deployment", ""]);
  return { ...attempt, n };
}

/** In the order in which they came. A process leads each of the others: one that waits for a dead one would wait for ever. */
async function joinQueue(tx: Queries, environment: string, id: string): Promise<readonly InQueue[]> {
  await tx.rows(
    "update $schema.deployments set queued_at_ms = coalesce(queued_at_ms, $schema.now_ms()) where id = $1",
    [id],
  );
  return tx.rows<InQueue>(
    `select id as "deploymentId", kind from $schema.deployments
     where environment = $1 and outcome is null and superseded is null and queued_at_ms is not null
       and (id = $2 or (executor is not null and abs($schema.now_ms() - heartbeat_at_ms) <= lease_ms))
     order by queued_at_ms, ordinal`,
    [environment, id],
  );
}

const put = (tx: Queries, values: readonly unknown[]) =>
  tx.rows(
    `insert into $schema.locks (environment, deployment_id, attempt, held_by, kind, reason) values ($1, $2, $3, $4, $5, $6)
     on conflict (environment) do update set deployment_id = $2, attempt = $3, held_by = $4, kind = $5, reason = $6,
       since_ms = $schema.now_ms()`,
    values,
  );

type ServingPart = Pick<Ledger, "serving" | "servingHistory" | "setServing" | "clearServing">;

const servingColumns = `s.environment, deployment_id as "deploymentId", version, commit, since_ms as "sinceMs", detail`;

export function postgresServing(db: LedgerDatabase): ServingPart {
  return {
    serving: async (environment) =>
      (
        await db.rows<ServingRow>(
          `select ${servingColumns} from $schema.serving s join $schema.environments e on e.serving_id = s.id where e.name = $1`,
          [environment],
        )
      )[0],
    servingHistory: (environment, limit) =>
      db.rows<ServingRow>(
        `select ${servingColumns} from $schema.serving s where environment = $1 and not removed order by id desc limit $2`,
        [environment, limit],
      ),
    async setServing(row, attempt) {
      await db.transaction(async (tx) => {
        const { serving_id: before } = await lockEnvironment(tx, row.environment);
        await takeCharge(tx, attempt.deploymentId, attempt);
        const { environment, deploymentId, version, commit, sinceMs, detail } = row;
        // A repeated step says the same again: the row is brought up to date, not doubled.
        const [same] = await tx.rows<{ readonly id: number }>(
          `update $schema.serving set detail = $4, commit = $5 where id = $1 and deployment_id = $2 and version = $3 returning id`,
          [before, deploymentId, version, jsonText(detail), commit],
        );
        if (same) return;
        const [made] = await tx.rows<{ readonly id: number }>(
          `insert into $schema.serving (environment, deployment_id, version, commit, since_ms, detail)
           values ($1, $2, $3, $4, $5, $6) returning id`,
          [environment, deploymentId, version, commit, sinceMs, jsonText(detail)],
        );
        await tx.rows("update $schema.environments set serving_id = $2 where name = $1", [environment, made?.id]);
      });
    },
    async clearServing(environment, attempt) {
      await db.transaction(async (tx) => {
        const { serving_id: before } = await lockEnvironment(tx, environment);
        await takeCharge(tx, attempt.deploymentId, attempt);
        await tx.rows("update $schema.serving set removed = true where id = $1", [before]);
        await tx.rows("update $schema.environments set serving_id = null where name = $1", [environment]);
      });
    },
  };
}
