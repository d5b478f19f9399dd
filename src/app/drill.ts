/** B12: drills, recorded in the environment's audit trail whichever way they end; a failed one is told to people. */
import { humanDuration } from "../domain/duration.ts";
import { type Failure, failureOf, SluiceError } from "../domain/errors.ts";
import { asJson, type Json } from "../domain/json.ts";
import { missedAtDrill } from "../domain/objectives.ts";
import { drillRestore, newestBackup, type RestoreDrill } from "../pipeline/drill.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Database } from "../ports/database.ts";
import { appendForEnvironment } from "./environment-events.ts";
import type { Reporter } from "./layers.ts";
import { notifyNow } from "./notify-now.ts";
import { tellMissed } from "./objectives.ts";

export type { RestoreDrill };
export { newestBackup };

/** Every database is tried, whatever became of the one before. Rejects with the first failure. */
export async function restoreDrill(parts: Parts, by: string, reporter: Reporter): Promise<readonly RestoreDrill[]> {
  const done: RestoreDrill[] = [];
  const failures: Failure[] = [];
  for (const database of parts.databases) {
    reporter.signal.throwIfAborted();
    try {
      done.push(await drillOne(parts, database, by, reporter));
    } catch (thrown) {
      reporter.signal.throwIfAborted();
      const failure = failureOf(thrown, "app.drill");
      failures.push(failure);
      await drillFailed(parts, "restore drill", database.name, by, failure);
      reporter.tell(`${database.name}: ${failure.message}`, "bad");
    }
  }
  const [first] = failures;
  if (first) throw new SluiceError(first);
  return done;
}

async function drillOne(parts: Parts, database: Database, by: string, reporter: Reporter): Promise<RestoreDrill> {
  const tell = async (title: string) => reporter.tell(title, "info");
  const drill = await drillRestore(parts, database, { by, signal: reporter.signal, tell });
  const title = `${drill.backup} restored${drill.gap === null ? " and compared" : ""} in ${humanDuration(drill.tookMs)}: ${drill.tables} tables, ${drill.rows} rows${drill.gap === null ? "" : `; ${drill.gap}`}`;
  await recordDrill(parts, "restore drill", { by, title, tone: "ok", detail: asJson(drill) });
  await tellMissed(parts, missedAtDrill(parts.settings.objectives, database.name, drill.tookMs));
  return drill;
}

export async function drillFailed(
  parts: Parts,
  step: string,
  what: string,
  by: string,
  { code, message, hint }: Pick<Failure, "code" | "message" | "hint">,
): Promise<void> {
  const title = `${step} of ${what} failed: ${message}`;
  await recordDrill(parts, step, { by, title, tone: "bad", detail: asJson({ code, message, hint }) });
  const told = { kind: "drill-failed", title: `${step} failed`, message: title, next: hint } as const;
  await notifyNow(parts, told, new AbortController().signal);
}

export async function recordDrill(
  { ledger, settings }: Parts,
  step: string,
  what: { readonly by: string; readonly title: string; readonly tone: "ok" | "bad"; readonly detail: Json },
): Promise<void> {
  await appendForEnvironment(ledger, settings.environment, {
    step,
    phase: "end",
    title: what.title,
    tone: what.tone,
    actor: what.by,
    detail: what.detail,
  });
}
