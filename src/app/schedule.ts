/** B6: what is due, and doing it: each due time once, whoever asks and however often. The ledger decides whose it is. */
import { hostname } from "node:os";
import { firesBetween, lastFire, nextFire } from "../config/cron.ts";
import { type Failure, failureOf } from "../domain/errors.ts";
import { asJson, type Json } from "../domain/json.ts";
import type { NotificationKind } from "../domain/notification.ts";
import {
  type DueRuling,
  ruleOnDue,
  type ScheduledDue,
  type ScheduledEnd,
  type ScheduledRun,
  type ScheduledTask,
  type ScheduleSettings,
} from "../domain/schedule.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { isAlive } from "../engine/process-alive.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Ledger } from "../ports/ledger.ts";
import { appendForEnvironment } from "./environment-events.ts";
import type { Reporter } from "./layers.ts";
import { notifyNow } from "./notify-now.ts";

export interface ScheduleState {
  readonly schedule: ScheduleSettings;
  readonly last: ScheduledRun | null;
  readonly ruling: DueRuling;
  /** Times that have gone by since the last run, the due one included. */
  readonly missed: number;
  readonly nextMs: number | null;
}

/** Does it, and says in one line what came of it. Rejects where it failed. */
export type ScheduledWork = (
  parts: Parts,
  reporter: Reporter,
) => Promise<{ readonly title: string; readonly detail: Json }>;

export interface FiredRun {
  readonly name: string;
  readonly run: ScheduledTask;
  readonly dueAtMs: number;
  readonly outcome: ScheduledEnd["outcome"];
  readonly title: string;
  readonly failure: Failure | null;
  /** Does the same again. */
  readonly repeat: string;
}

export async function scheduleStates(
  ledger: Ledger,
  { environment, schedules }: Pick<EnvironmentSettings, "environment" | "schedules">,
): Promise<readonly ScheduleState[]> {
  const nowMs = await ledger.now();
  return Promise.all(
    schedules.map(async (schedule) => {
      const [last] = await ledger.scheduled(environment, 1, schedule.name);
      const ruling = ruleOnDue({ nowMs, lastFireMs: lastFire(schedule, nowMs), last, lives: last && livesHere(last) });
      const missed = ruling.kind === "due" && last ? firesBetween(schedule, last.dueAtMs, nowMs) : 0;
      return { schedule, last: last ?? null, ruling, missed, nextMs: nextFire(schedule, nowMs) ?? null };
    }),
  );
}

/** Undefined on other machines: whether it lives there cannot be seen from here. */
const livesHere = ({ executor }: ScheduledRun): boolean | undefined =>
  executor.host === hostname() ? isAlive(executor.pid) : undefined;

/** One after the other; one that fails does not keep the next from its turn. */
export async function runDue(
  parts: Parts,
  works: Readonly<Record<ScheduledTask, ScheduledWork>>,
  reporter: Reporter,
): Promise<readonly FiredRun[]> {
  const fired: FiredRun[] = [];
  for (const state of await scheduleStates(parts.ledger, parts.settings)) {
    reporter.signal.throwIfAborted();
    if (state.ruling.kind !== "due") continue;
    const { schedule, ruling, missed } = state;
    const due = { environment: parts.settings.environment, name: schedule.name, dueAtMs: ruling.dueAtMs };
    // Another process may have been quicker.
    if (!(await parts.ledger.claimScheduled(due, executor(), ruling.after))) continue;
    reporter.tell(`${schedule.name}: ${toldDue(state)}`, "info");
    if (ruling.after !== null) reporter.tell(`${schedule.name}: whoever began it has died; it is begun again`, "warn");
    else if (missed > 1)
      reporter.tell(`${schedule.name}: ${missed} times were due, and are made up for by one`, "warn");
    fired.push(await fire(parts, works[schedule.run], due, schedule, reporter));
  }
  return fired;
}

const executor = () => ({ host: hostname(), pid: process.pid });

const toldDue = ({ schedule, ruling }: ScheduleState): string =>
  `${schedule.run}, due ${ruling.kind === "due" ? new Date(ruling.dueAtMs).toISOString() : ""}`;

async function fire(
  parts: Parts,
  work: ScheduledWork,
  due: ScheduledDue,
  { name, run }: ScheduleSettings,
  reporter: Reporter,
): Promise<FiredRun> {
  const repeat = repeatCommand(run, due.environment);
  const made = { name, run, dueAtMs: due.dueAtMs, repeat };
  try {
    const { title, detail } = await work(parts, reporter);
    await ended(parts, due, made, { outcome: "succeeded", detail: asJson({ title, result: detail }) }, title);
    return { ...made, outcome: "succeeded", title, failure: null };
  } catch (thrown) {
    const failure = failureOf(thrown, "app.schedule");
    const { code, message, hint } = failure;
    await ended(parts, due, made, { outcome: "failed", detail: asJson({ code, message, hint }) }, message);
    const kind = toldAs[run];
    if (kind) await notifyNow(parts, { kind, title: `${name} failed`, message, next: `Again: ${repeat}` }, notBound());
    return { ...made, outcome: "failed", title: message, failure };
  }
}

/** An interruption must not keep people from hearing of it; deliveries have a limit of their own. */
const notBound = (): AbortSignal => new AbortController().signal;

/** Drills tell by themselves, by hand too. */
const toldAs: Readonly<Partial<Record<ScheduledTask, NotificationKind>>> = { backup: "backup-failed", prune: "alert" };

/** The event first: what was done must not be missing from the audit trail. */
async function ended(
  { ledger }: Parts,
  due: ScheduledDue,
  { name, run }: Pick<FiredRun, "name" | "run">,
  end: ScheduledEnd,
  title: string,
): Promise<void> {
  await appendForEnvironment(ledger, due.environment, {
    step: "schedule",
    phase: "end",
    key: `${name}/${due.dueAtMs}`,
    title: `${name} (${run}), due ${new Date(due.dueAtMs).toISOString()}: ${title}`,
    tone: end.outcome === "succeeded" ? "ok" : "bad",
    actor: null,
    detail: end.detail,
  });
  await ledger.endScheduled(due, executor(), end);
}

export const repeatCommand = (run: ScheduledTask, environment: string): string =>
  ({
    backup: `sluice backup create ${environment}`,
    "restore-drill": `sluice drill restore ${environment}`,
    "rollback-drill": `sluice drill rollback ${environment}`,
    prune: `sluice backup prune ${environment} --yes`,
  })[run];
