/**
 * R1 X1: how a person steers a rollout: hold its weight, let it go on, take a hold back. Each is an order in the ledger, with its
 * reason in the audit trail, before it is anything else; evidence against the candidate goes back whatever was ordered.
 */
import type { DeploymentRow } from "../../app/model.ts";
import { settingsOf } from "../../app/settings-of.ts";
import type { SluiceError } from "../../domain/errors.ts";
import { isPaused } from "../../domain/steering.ts";
import { deploymentOf } from "../find.ts";
import { progressOf, type RolloutPhase } from "../render/progress.ts";
import type { Session } from "../session.ts";
import { reasonOf, usage } from "../usage.ts";
import { wake } from "../wake.ts";
import type { ReasonedOptions } from "./people.ts";

/** Where its rollout stands. */
async function steered(
  session: Session,
  words: string,
): Promise<{ readonly row: DeploymentRow; readonly phase: RolloutPhase; readonly percent: number | null }> {
  const row = await deploymentOf(session, words);
  const { ledger } = await session.state();
  const progress = progressOf(await ledger.events(row.id, 0), settingsOf(row), row.state === "ended");
  return { row, phase: progress.phase, percent: progress.percent };
}

const isNow = ({ outcome, state }: DeploymentRow): string => (outcome === null ? state : `ended: ${outcome}`);

const refusal = (row: DeploymentRow, why: string, command = `sluice status ${row.id}`): SluiceError =>
  usage(`${row.id} ${why}; nothing was recorded.`, `See it: ${command}`);

/** Why nobody can steer it any more, or not yet; undefined where one can. */
function unsteerable(row: DeploymentRow, phase: RolloutPhase, verb: string): SluiceError | undefined {
  if (row.kind === "rollback")
    return refusal(row, `is a rollback, which goes back at once: there is no weight to ${verb}`);
  if (row.state === "ended" || row.state === "cancelling" || row.state === "quarantined") {
    return refusal(row, `is not in its rollout (${isNow(row)}): there is no weight to ${verb}`);
  }
  return phase === "after" ? refusal(row, `has its rollout behind it: there is no weight to ${verb}`) : undefined;
}

/** R1: the weight stays, also beyond its bake, until somebody says otherwise. */
export async function pauseCommand(session: Session, words: string, options: ReasonedOptions): Promise<number> {
  const { row, phase, percent } = await steered(session, words);
  const { output, user } = session;
  const refused = unsteerable(row, phase, "pause");
  if (refused) throw refused;
  const reason = reasonOf(options.reason, `sluice pause ${row.id}`);
  const where = phase === "before" || percent === null ? "at its first weight" : `at ${percent} %`;
  const effect = `${row.version} is held ${where} in ${row.environment}, also beyond its bake; evidence against it still takes it back`;
  if (options.dryRun) {
    output.result(
      { dryRun: true, deployment: row.id, paused: isPaused(row.steering) },
      `would pause ${row.id}: ${effect}`,
    );
    output.next(`sluice pause ${row.id} --reason ${JSON.stringify(reason)}`);
    return 0;
  }
  await (await session.state()).ledger.steer(row.id, { kind: "pause", by: user, reason });
  wake(session, row);
  output.result({ deployment: row.id, paused: true, percent }, `paused: ${effect}`);
  output.next(`sluice resume ${row.id} · or at once: sluice promote ${row.id} --reason "…"`);
  return 0;
}

/** X1 R1: what is held for a person goes on; so does a weight before its time. */
export async function promoteCommand(session: Session, words: string, options: ReasonedOptions): Promise<number> {
  const { row, phase, percent } = await steered(session, words);
  const { output, user } = session;
  const held = row.state === "waiting" && (phase === "rollout" || phase === "after");
  if (!held) refuseUnpromotable(row, phase);
  const reason = reasonOf(options.reason, `sluice promote ${row.id}`);
  const effect = held
    ? "goes on in spite of what it is held for"
    : `goes on from ${percent ?? 0} % without waiting for the end of its bake, unless evidence or a failed check is against it`;
  if (options.dryRun) {
    output.result({ dryRun: true, deployment: row.id, promoted: false }, `would promote ${row.id}: it ${effect}`);
    output.next(`sluice promote ${row.id} --reason ${JSON.stringify(reason)}`);
    return 0;
  }
  await (await session.state()).ledger.steer(row.id, { kind: "promote", by: user, reason });
  wake(session, row);
  output.result({ deployment: row.id, promoted: true, percent }, `${row.id} ${effect}`);
  output.next(`sluice logs ${row.id} --follow`);
  return 0;
}

function refuseUnpromotable(row: DeploymentRow, phase: RolloutPhase): void {
  const refused = unsteerable(row, phase, "promote");
  if (refused) throw refused;
  if (phase === "asking")
    throw refusal(row, "waits for approvals, which a promotion does not replace", `sluice approve ${row.id}`);
  if (phase === "before") throw refusal(row, "has no weight yet: there is nothing to promote");
}

/** A pause ends; the bake goes on where the clock stands. */
export async function endPause(session: Session, row: DeploymentRow, options: ReasonedOptions): Promise<number> {
  const { output, user } = session;
  const was = `the pause by ${row.steering?.by ?? "?"} (${row.steering?.reason ?? ""})`;
  if (options.dryRun) {
    output.result({ dryRun: true, deployment: row.id, paused: true }, `would end ${was} of ${row.id}`);
    output.next(`sluice resume ${row.id}`);
    return 0;
  }
  const reason = options.reason?.trim() || "resumed";
  await (await session.state()).ledger.steer(row.id, { kind: "continue", by: user, reason });
  wake(session, row);
  output.result({ deployment: row.id, paused: false }, `${row.id} goes on: ${was} is over`);
  output.next(`sluice logs ${row.id} --follow`);
  return 0;
}
