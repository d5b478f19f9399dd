/** H2: a database answers, with its facts read. */
import { SluiceError } from "../../domain/errors.ts";
import { fail, pass, unknown } from "../../domain/verdict.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Database } from "../../ports/database.ts";
import { connectionFault } from "./connection-fault.ts";
import { DeadlinePassed, within } from "./deadline.ts";
import { defaultTimeoutMs, type Finding, inMs, resultOf } from "./http-check.ts";

export interface DatabaseCheckOptions {
  readonly clock: Clock;
  /** Default: `database <name>`. */
  readonly name?: string;
  /** Default true: nothing serves without its database. */
  readonly critical?: boolean;
  readonly timeoutMs?: number;
}

export function databaseCheck(database: Database, options: DatabaseCheckOptions): Check {
  const { clock, critical = true, name = `database ${database.name}`, timeoutMs = defaultTimeoutMs } = options;
  async function probe(signal: AbortSignal): Promise<CheckResult> {
    const startedAtMs = clock.now();
    try {
      const { kind, serverVersion } = await within(timeoutMs, clock, signal, (limited) => database.facts(limited));
      const tookMs = clock.now() - startedAtMs;
      return resultOf(name, { verdict: pass, tookMs, seen: `${kind} ${serverVersion} answered in ${inMs(tookMs)}` });
    } catch (thrown) {
      signal.throwIfAborted();
      return resultOf(name, { ...findingOf(thrown), tookMs: clock.now() - startedAtMs, seen: "" });
    }
  }
  return { name, critical, probe };
}

/** The adapter says DATABASE_UNREACHABLE or nothing came in time: a failure. Anything else is a fault of the question. */
function findingOf(thrown: unknown): Pick<Finding, "verdict" | "hint"> {
  if (thrown instanceof DeadlinePassed) return { verdict: fail(thrown.message) };
  if (!(thrown instanceof SluiceError)) return { verdict: unknown(connectionFault(thrown).reason) };
  const { code, message, hint } = thrown.failure;
  return { verdict: code === "DATABASE_UNREACHABLE" ? fail(message) : unknown(message), hint };
}
