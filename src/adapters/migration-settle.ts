/**
 * What a killed migration tool leaves behind. Its process is gone, its session in the database is not: it holds its locks and
 * may commit (data-safety.md measured both). Until it has ended, nobody can say what is applied.
 */
import { SluiceError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import {
  type Backend,
  endBackends,
  leftBackends,
  type MigrationSession,
  noticesDeadClients,
} from "./migration-session.ts";

export interface Settling {
  readonly database: string;
  readonly how: "wait" | "end";
  /** How long a tool that lives may go on. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: (title: string) => Promise<void>;
}

/** A server that looks for dead clients ends their sessions within a second; this is a few of them. */
const deadClientsGoneMs = 3_000;
/** Where the server does not look, a session may be a dead client's. */
const unsureMs = 10_000;
const endsWithinMs = 10_000;
const askEveryMs = 250;

export async function settleBackends(session: MigrationSession, settling: Settling): Promise<void> {
  const [first] = await leftBackends(session);
  if (first === undefined) return;
  const { database, tell } = settling;
  await tell(`${database}: ${described(first)}; what is applied is not known before it has ended`);
  if (await goneWithin(session, settling, await patienceOf(session, settling))) {
    await tell(`${database}: the earlier migration's session has ended`);
    return;
  }
  await endBackends(session);
  if (!(await goneWithin(session, settling, endsWithinMs))) throw cannotEnd(database, first);
  await tell(`${database}: the earlier migration's session was ended; what it had not committed is undone`);
}

const described = ({ name, pid, seconds, statement }: Backend): string =>
  `an earlier migration (${name}, pid ${pid}) is still at work, for ${seconds} s: ${statement}`;

async function patienceOf(session: MigrationSession, { how, patienceMs }: Settling): Promise<number> {
  if (how === "end") return deadClientsGoneMs;
  return (await noticesDeadClients(session)) ? patienceMs : Math.min(unsureMs, patienceMs);
}

async function goneWithin(
  session: MigrationSession,
  { clock, signal }: Settling,
  patienceMs: number,
): Promise<boolean> {
  const untilMs = clock.now() + patienceMs;
  while ((await leftBackends(session)).length > 0) {
    if (clock.now() >= untilMs) return false;
    await clock.sleep(askEveryMs, signal);
  }
  return true;
}

function cannotEnd(database: string, { name, pid }: Backend): SluiceError {
  return new SluiceError({
    code: "MIGRATION_FAILED",
    remedy: "operator",
    at: `migrations.${database}`,
    message: `An earlier migration of ${database} (${name}, pid ${pid}) is still at work and could not be ended. Nothing more was migrated, and what is applied is not known.`,
    hint: `End it as the database's administrator, then start again: psql -c "SELECT pg_terminate_backend(${pid})"`,
  });
}
