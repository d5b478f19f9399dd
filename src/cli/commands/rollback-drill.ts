/**
 * X8: a real rollback to the version before, and a deployment forward again, timed. Both are deployments of their own, with
 * lock, story and record; what the drill adds is the time it took, in the audit trail.
 */
import { drillFailed, recordDrill } from "../../app/drill.ts";
import type { Parts } from "../../app/model.ts";
import { planRollbackDrill, type RollbackDrillPlan } from "../../app/rollback-drill.ts";
import type { ScheduledWork } from "../../app/schedule.ts";
import { humanDuration } from "../../domain/duration.ts";
import { failureOf, SluiceError } from "../../domain/errors.ts";
import { asJson } from "../../domain/json.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { confirm } from "../confirm.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import { begin, createRow } from "./deploy.ts";
import type { DryRunOption } from "./layers.ts";

export interface RollbackDrillOptions extends DryRunOption {
  readonly confirm?: string;
}

interface DrillTimes {
  readonly from: string;
  readonly to: string;
  readonly backMs: number;
  readonly forwardMs: number;
}

export async function drillRollbackCommand(
  session: Session,
  environment: string,
  { confirm: given, dryRun }: RollbackDrillOptions,
): Promise<number> {
  const { output } = session;
  const parts = await session.parts(await session.settings(environment));
  const plan = await planRollbackDrill(parts, session.interrupted);
  const word = `DRILL ${environment}`;
  const command = `sluice drill rollback ${environment} --confirm "${word}"`;
  const lines = [
    `from ${plan.from.version} back to ${plan.to.version}, and by a deployment forward to ${plan.from.version} again`,
    "real traffic moves twice; the database stays as it is",
    ...plan.forbidden.map((reason) => `${glyph("bad")} ${reason}`),
  ];
  if (dryRun) {
    const { forbidden, from, to } = plan;
    output.result({ dryRun: true, from: from.version, to: to.version, forbidden }, lines.join("\n"));
    output.next(forbidden.length === 0 ? command : `sluice status ${environment}`);
    return forbidden.length === 0 ? exitCodes.succeeded : exitCodes.refused;
  }
  refuseForbidden(plan, environment);
  for (const line of lines) output.progress(line);
  await confirm({ word, given, code: "ROLLBACK_REFUSED", command });
  const times = await drill(session, parts, plan, session.user);
  output.result({ environment, ...times }, timesText(times));
  output.next(`sluice audit ${environment}`);
  return exitCodes.succeeded;
}

/** Nobody is asked: who wrote the schedule has agreed. */
export const rollbackDrillWork =
  (session: Session): ScheduledWork =>
  async (parts, reporter) => {
    const by = "the schedule";
    const { environment } = parts.settings;
    const plan = await planRollbackDrill(parts, reporter.signal);
    try {
      refuseForbidden(plan, environment);
    } catch (thrown) {
      await drillFailed(parts, "rollback drill", environment, by, failureOf(thrown, "cli.rollback-drill"));
      throw thrown;
    }
    const times = await drill(session, parts, plan, by);
    return { title: timesText(times), detail: asJson(times) };
  };

const timesText = ({ backMs, forwardMs, from, to }: DrillTimes): string =>
  `back to ${to} in ${humanDuration(backMs)}, forward to ${from} in ${humanDuration(forwardMs)}`;

function refuseForbidden({ forbidden }: RollbackDrillPlan, environment: string): void {
  const [first] = forbidden;
  if (first === undefined) return;
  throw new SluiceError({
    code: "ROLLBACK_REFUSED",
    remedy: "operator",
    at: "cli.rollback-drill",
    message: `No drill now: ${forbidden.join(" ")}`,
    hint: `Nothing was touched. See what it would do: sluice drill rollback ${environment} --dry-run`,
  });
}

async function drill(session: Session, parts: Parts, plan: RollbackDrillPlan, by: string): Promise<DrillTimes> {
  try {
    const times = await backAndForward(session, parts, plan);
    await recordDrill(parts, "rollback drill", { by, title: timesText(times), tone: "ok", detail: asJson(times) });
    return times;
  } catch (thrown) {
    await drillFailed(parts, "rollback drill", parts.settings.environment, by, failureOf(thrown, "cli.rollback-drill"));
    throw thrown;
  }
}

async function backAndForward(
  session: Session,
  parts: Parts,
  { again, from, to }: RollbackDrillPlan,
): Promise<DrillTimes> {
  const { clock, settings } = parts;
  const reason = "rollback drill";
  const backAtMs = clock.now();
  const rollback = { reason, toVersion: null, component: null, from: from.deploymentId };
  await untilEnded(session, parts, {
    kind: "rollback",
    version: to.version,
    commit: to.commit,
    input: { deploy: null, rollback },
  });
  const forwardAtMs = clock.now();
  const { version, commit } = from;
  const deploy = again && { ...again, approvalsRequired: settings.approvals.required };
  await untilEnded(session, parts, { kind: "deploy", version, commit, input: { deploy, rollback: null } });
  return {
    from: from.version,
    to: to.version,
    backMs: forwardAtMs - backAtMs,
    forwardMs: clock.now() - forwardAtMs,
  };
}

async function untilEnded(session: Session, parts: Parts, what: Parameters<typeof createRow>[2]): Promise<void> {
  const row = await createRow(session, parts.settings, what);
  const exitCode = await begin(session, row, { wait: true });
  if (exitCode === exitCodes.succeeded) return;
  const ended = await parts.ledger.deployment(row.id);
  throw new SluiceError({
    code: "ROLLBACK_FAILED",
    remedy: "operator",
    at: "cli.rollback-drill",
    message: `The drill's ${what.kind} to ${what.version} ended as ${ended?.outcome ?? "not yet ended"} (deployment ${row.id}).`,
    hint: `See what serves now, and bring it where it should be: sluice status ${parts.settings.environment}`,
  });
}
