/**
 * How a deployment ends, whichever way: undo, verify the version that serves, decide the outcome, write record and reports,
 * tell people, free the lock last. Every part is a journal step, so a crash in here continues in here.
 */
import { factsInStory } from "../domain/audit-rows.ts";
import { humanDuration } from "../domain/duration.ts";
import { type Failure, failureOf } from "../domain/errors.ts";
import { asJson, type Json } from "../domain/json.ts";
import type { NotificationKind } from "../domain/notification.ts";
import { type Outcome, outcomeOf } from "../domain/outcome.ts";
import { commonVersion, type Serving } from "../domain/serving.ts";
import { FlowLost } from "../ports/flow.ts";
import { peopleTopic } from "../ports/ledger.ts";
import { leaveCheckpoints } from "./checkpoint.ts";
import { servingNow } from "./deploy.ts";
import { reportForPeople, writeReports } from "./reports.ts";
import type { Run } from "./run.ts";
import { planning } from "./stages/plan.ts";
import { runSmoke } from "./stages/smoke.ts";

export interface Ended {
  readonly deploymentId: string;
  readonly outcome: Outcome;
  readonly failure: Failure | null;
}

export async function settle(run: Run, story: () => Promise<void>): Promise<Ended> {
  const failure = await failureFrom(story);
  const mayAct = failure?.code !== "LOCK_LOST";
  const undoFailures = failure && mayAct ? await undo(run, failure) : [];
  const verified = failure && mayAct && trafficMoved(run) ? await verifyStable(run) : undefined;
  const outcome = outcomeOf({
    failure,
    undoFailed: undoFailures.length > 0 || verified !== undefined,
    touched: touchedWorld(run),
    trafficMoved: trafficMoved(run),
  });
  const failures = verified ? [...undoFailures, verified] : undoFailures;
  const served = await report(run, outcome, failure, failures);
  await announce(run, outcome, failure, served);
  await close(run, outcome);
  return { deploymentId: run.row.id, outcome, failure: failure ?? null };
}

async function failureFrom(story: () => Promise<void>): Promise<Failure | undefined> {
  try {
    await story();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    return failureOf(thrown, "pipeline.deploy");
  }
}

/** A folder that cannot be written to, or a fault in a report, must not keep the lock for ever. */
async function report(run: Run, ...facts: Tail<Parameters<typeof writeReports>>): ReturnType<typeof writeReports> {
  try {
    return await writeReports(run, ...facts);
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    const { message } = failureOf(thrown, "pipeline.reports");
    await run.tell("record", "incomplete", `record and reports are not complete: ${message}`, "bad");
    return { servesNow: null, backup: null };
  }
}

type Tail<All extends readonly unknown[]> = All extends readonly [unknown, ...infer Rest] ? Rest : never;

const trafficMoved = (run: Run): boolean => run.touched.has("traffic");
const touchedWorld = (run: Run): boolean =>
  ["database", "workload", "traffic"].some((what) => run.touched.has(what as "traffic"));

async function undo(run: Run, failure: Failure): Promise<readonly Failure[]> {
  const { settings } = run.parts;
  if (trafficMoved(run)) {
    await run.notify("rollback-triggered", {
      title: `${run.row.version} is being rolled back in ${settings.environment}`,
      message: failure.message,
      next: `sluice status ${run.row.id}`,
    });
  }
  if (failure.code === "CANCELLED") await run.state("cancelling");
  // Beyond this the built-in router has gone back to stable by itself, and a person is needed for the rest.
  return run.undoAll(Math.max(10_000, settings.rollout.unattendedMs));
}

/** X2: "rolled back" is only said of a version that was asked and answered well. */
async function verifyStable(run: Run): Promise<Failure | undefined> {
  try {
    const found = await run.record("verify stable", async (ctx): Promise<Failure | null> => {
      const serving = await servingNow(run.parts);
      if (serving === null) return null;
      const { verdict } = await runSmoke(
        ctx,
        commonVersion(serving.components),
        run.parts.settings.smoke.timeoutMs,
        "rollback.log",
      );
      if (verdict.kind === "pass") {
        await ctx.progress(`${serving.version} answers well again`, { verified: true }, "ok");
        return null;
      }
      await ctx.progress(`${serving.version} does not answer well: ${verdict.reason}`, {}, "bad");
      return stableUnhealthy(serving, verdict.reason, run);
    });
    return found ?? undefined;
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    return failureOf(thrown, "verify stable");
  }
}

const stableUnhealthy = (serving: Serving, reason: string, run: Run): Failure => ({
  code: "ROLLBACK_FAILED",
  remedy: "operator",
  at: "pipeline.settle",
  message: `Traffic is back on ${serving.version}, but it does not pass its checks: ${reason}`,
  hint: `Emergency steps are in ${run.parts.runFolder(run.row.id).location}/rollback-instructions.md: sluice status`,
});

const kinds: Readonly<Record<Outcome, NotificationKind>> = {
  succeeded: "succeeded",
  failed: "failed",
  refused: "failed",
  "rolled-back": "rolled-back",
  "rollback-failed": "rollback-failed",
  undecided: "rolled-back",
  quarantined: "quarantined",
  cancelled: "cancelled",
  expired: "expired",
  superseded: "superseded",
};

async function announce(
  run: Run,
  outcome: Outcome,
  failure: Failure | undefined,
  served: { readonly servesNow: string | null; readonly backup: string | null },
) {
  const { settings } = run.parts;
  const windowMinutes =
    outcome === "succeeded" && run.outputsOf(planning)[0]?.plan.replaces
      ? Math.round(settings.rollback.windowMs / 60_000)
      : null;
  const now = served.servesNow ?? "nothing";
  const kind = failure?.code === "APPROVAL_REJECTED" ? "rejected" : kinds[outcome];
  await run.notify(kind, {
    title: `${run.row.version} in ${settings.environment}: ${outcome}`,
    message: failure ? `${failure.message.replace(/[^.!?]$/, "$&.")} Now serving: ${now}.` : `Serving ${now}.`,
    backup: served.backup,
    rollbackMinutesLeft: windowMinutes,
    next: failure ? failure.hint : `sluice status ${settings.environment}`,
    serves: served.servesNow,
    ...(await reportForPeople(run)),
  });
}

/** A channel that hangs may keep the end waiting for so long. */
const lastNewsMs = 2_000;

/**
 * A process that dies before the end is replaced, and its successor tells what was not told. Nobody takes over what has ended: so
 * the last news is tried before. Not journalled, since a successor must try again.
 */
async function tryLastNews({ outbox, parts, lostSignal }: Run): Promise<void> {
  const over = new AbortController();
  const stop = AbortSignal.any([over.signal, lostSignal]);
  const patience = parts.clock.sleep(lastNewsMs, stop).catch(() => undefined);
  // That it failed shows in what stays undelivered; the worker goes on trying for a moment after the end.
  await Promise.race([outbox.deliver(stop).catch(() => undefined), patience]);
  over.abort();
}

/** The outcome latches, the lock goes last; a quarantined deployment keeps it and waits for a person. */
async function close(run: Run, outcome: Outcome): Promise<void> {
  const { ledger, settings } = run.parts;
  const endedBy = outcome === "quarantined" ? await quarantine(run) : outcome;
  await run.tell("finish", "outcome", endedBy, endedBy === "succeeded" ? "ok" : "bad", {
    ...factsInStory(run.row),
    outcome: endedBy,
  });
  await tryLastNews(run);
  await run.record("finish", async (ctx) => {
    await leaveCheckpoints(run, ctx);
    await ledger.finish(run.row.id, endedBy, run.attempt);
    await ledger.releaseLock(settings.environment, run.attempt);
    return null;
  });
}

/** Rule 4: never silently free. The lock stays until a person has looked and says so. */
async function quarantine(run: Run): Promise<Outcome> {
  await run.state("quarantined");
  await run.tell(
    "finish",
    "quarantined",
    `quarantined: see what is left, then: sluice cancel ${run.row.id} --release --reason "…"`,
    "bad",
  );
  for (;;) {
    const message = await run.flow.waitFor(peopleTopic, 24 * 3_600_000);
    if (isRelease(message)) return "quarantined";
  }
}

const isRelease = (message: Json | undefined): boolean =>
  typeof message === "object" && message !== null && (message as { readonly kind?: Json }).kind === "release";

/** O5: after the outcome, alerts only; ends with a line in the record. */
export async function extendedWatch(run: Run, ended: Ended): Promise<void> {
  const { extendedMs, everyMs } = run.parts.settings.observation;
  if (ended.outcome !== "succeeded" || extendedMs === 0) return;
  const startedAtMs = await run.flow.now();
  const line = await run.record("extended watch", async (ctx) => {
    const { clock } = run.parts;
    let rounds = 0;
    let failed = 0;
    while (clock.now() < startedAtMs + extendedMs) {
      await clock.sleep(Math.min(everyMs, startedAtMs + extendedMs - clock.now()), run.lostSignal);
      const results = await Promise.all(
        run.parts.checks.services(run.row.version).map((check) => check.probe(run.lostSignal)),
      );
      const bad = results.filter(({ verdict }) => verdict.kind !== "pass");
      rounds++;
      if (bad.length === 0) continue;
      failed++;
      await ctx.progress(
        `extended watch: ${bad.map(({ name, detail }) => `${name}: ${detail}`).join("; ")}`,
        {},
        "warn",
      );
    }
    return `watched for ${humanDuration(extendedMs)} after success: ${rounds - failed} of ${rounds} rounds passed`;
  });
  await run.record("extended watch: record", async (ctx) => {
    const record = (await run.parts.ledger.record(run.row.id)) as { readonly [key: string]: Json } | undefined;
    await run.parts.ledger.saveRecord(run.row.id, asJson({ ...record, extended_watch: line }));
    await leaveCheckpoints(run, ctx);
    return null;
  });
}
