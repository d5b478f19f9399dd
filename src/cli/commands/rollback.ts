/** X3 X4: back by hand. Needs a reason and the typed word, inside the window; `--dry-run` shows what would happen. */
import type { DeploymentRow } from "../../app/model.ts";
import { type RollbackTarget, rollbackTarget, windowFault } from "../../app/rollback-target.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { confirm } from "../confirm.ts";
import type { Session } from "../session.ts";
import { begin, createRow } from "./deploy.ts";

export interface RollbackOptions {
  readonly to?: string;
  readonly component?: string;
  readonly reason?: string;
  readonly confirm?: string;
  readonly emergency?: boolean;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly foreground?: boolean;
}

export async function rollbackCommand(
  session: Session,
  environment: string,
  options: RollbackOptions,
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const parts = await session.parts(settings);
  const request = { reason: options.reason ?? "", toVersion: options.to ?? null, component: options.component ?? null };
  const target = await rollbackTarget(parts, request, session.interrupted);
  const lines = describe(target, settings, options);
  const closed = windowFault(parts, target.from, await parts.ledger.now());
  const command = `sluice rollback ${environment}${closed ? " --emergency" : ""} --reason "…" --confirm ${settings.rollback.confirmWord}`;
  if (options.dryRun) {
    const text = [...lines, ...(closed ? [closed] : [])].join("\n");
    output.result({ dryRun: true, ...target, windowClosed: closed ?? null }, text);
    output.next(command);
    return 0;
  }
  refuseUnready(closed, options, command);
  for (const line of lines) output.progress(line);
  await confirm({ word: settings.rollback.confirmWord, given: options.confirm, code: "ROLLBACK_REFUSED", command });
  const row = await createRow(session, settings, {
    kind: "rollback",
    version: target.to.version,
    commit: target.to.commit,
    input: { deploy: null, rollback: { ...request, from: target.from.deploymentId } },
  });
  await leaveTrace(session, row, request.reason, options.emergency ?? false);
  return begin(session, row, options);
}

function refuseUnready(closed: string | undefined, { emergency, reason = "" }: RollbackOptions, command: string): void {
  if (closed !== undefined && !emergency) throw refused(closed, `After the window: ${command}`);
  if (!reason.trim()) throw refused("A rollback needs a reason.", `Nothing was touched. Give one: ${command}`);
}

/** Who wanted it and why, before anything happens. */
async function leaveTrace(session: Session, row: DeploymentRow, reason: string, emergency: boolean): Promise<void> {
  const { ledger } = await session.state();
  await ledger.append(
    {
      deploymentId: row.id,
      environment: row.environment,
      step: "rollback by hand",
      phase: "progress",
      key: "reason",
      title: `${session.user}${emergency ? " (emergency, outside the window)" : ""}: ${reason}`,
      tone: "warn",
      actor: session.user,
      detail: { reason, emergency },
    },
    null,
  );
}

function describe(
  { from, to }: RollbackTarget,
  { rollback }: EnvironmentSettings,
  { component }: RollbackOptions,
): readonly string[] {
  const what = component ?? "all components";
  return [
    `${what}: from ${from.version} back to ${to.version} (commit ${to.commit.slice(0, 12)})`,
    "traffic goes to it at once, is read back and verified; the database stays as it is",
    `needs the word ${rollback.confirmWord}`,
  ];
}

const refused = (message: string, hint: string): SluiceError =>
  new SluiceError({ code: "ROLLBACK_REFUSED", remedy: "operator", at: "cli.rollback", message, hint });
