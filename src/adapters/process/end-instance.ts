/**
 * Ends an instance with everything it started: first asked, then killed. Only processes that carry the instance's token,
 * or that are its recorded leader by pid and start, are ever signalled.
 */
import type { Clock } from "../../ports/clock.ts";
import { findByVariable, identify, isRunning, type ProcessIdentity, sendSignal } from "../process-identity.ts";
import { type InstanceRecord, tokenVariable } from "./instance-records.ts";

const pollMs = 25;
/** After SIGKILL only the kernel can delay the end. */
const killedWithinMs = 10_000;

/** Returns once nothing of the instance runs. */
export async function endInstance(record: InstanceRecord, clock: Clock, signal: AbortSignal): Promise<void> {
  await endAll(() => idsOf(record), record.stopTimeoutMs, clock, signal);
}

/** Ends whatever carries a token that begins with `prefix`, such as a copy that a person started by hand. */
export async function endByToken(prefix: string, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  await endAll(() => idsByToken(prefix), timeoutMs, clock, signal);
}

type FindIds = () => Promise<readonly number[]>;

async function endAll(findIds: FindIds, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const find = untilReallyGone(findIds);
  for (const id of await find()) sendSignal(id, "SIGTERM");
  if (await allGone(find, timeoutMs, clock, signal)) return;
  for (const id of await find()) sendSignal(id, "SIGKILL");
  if (await allGone(find, killedWithinMs, clock, signal)) return;
  throw new Error(`processes ${(await find()).join(", ")} are still there ${killedWithinMs} ms after SIGKILL`);
}

/**
 * A process that is ending has no environment any more, by which it could be found, a moment before it has closed its port:
 * what was found once counts until its pid is gone as well.
 */
function untilReallyGone(findIds: FindIds): FindIds {
  const seen = new Map<number, ProcessIdentity>();
  return async () => {
    const found = await findIds();
    for (const id of found) {
      const identity = await identify(Math.abs(id));
      if (identity) seen.set(id, identity);
    }
    for (const [id, identity] of seen) if (!(await isRunning(identity))) seen.delete(id);
    return [...new Set([...found, ...seen.keys()])];
  };
}

async function allGone(find: FindIds, withinMs: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const untilMs = clock.now() + withinMs;
  for (;;) {
    if ((await find()).length === 0) return true;
    if (clock.now() >= untilMs) return false;
    await clock.sleep(pollMs, signal);
  }
}

/** What to signal; a negative id is a process group. The search through all processes waits until the leader is gone. */
async function idsOf(record: InstanceRecord): Promise<readonly number[]> {
  if (record.process && (await isRunning(record.process))) return [-record.process.pid];
  return idsByToken(record.token);
}

async function idsByToken(prefix: string): Promise<readonly number[]> {
  const found = await findByVariable(tokenVariable, prefix);
  return found.map((each) => (each.groupId === each.pid ? -each.pid : each.pid));
}
