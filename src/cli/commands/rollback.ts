/** X3 X4: back by hand. Needs a reason and the typed word, inside the window; `--dry-run` shows what would happen. */
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
  const settings = await session.settings(environment);
  const parts = await session.parts(settings);
  const request = { reason: options.reason ?? "", toVersion: options.to ?? null, component: options.component ?? null };
  const target = await rollbackTarget(parts, request, new AbortController().signal);
  const lines = describe(target, settings, options);
  const closed = windowFault(parts, target.from, await parts.ledger.now());
  if (options.dryRun) {
    session.output.result(
      { ...target, windowClosed: closed ?? null },
      [...lines, ...(closed ? [closed] : [])].join("\n"),
    );
    session.output.next(`sluice rollback ${environment} --reason "…" --confirm ${settings.rollback.confirmWord}`);
    return 0;
  }
  if (closed !== undefined && !options.emergency)
    throw refused(
      closed,
      `After the window: sluice rollback ${environment} --emergency --reason "…" --confirm ${settings.rollback.confirmWord}`,
    );
  if (!request.reason.trim())
    throw refused("A rollback needs a reason.", `Give one: sluice rollback ${environment} --reason "…"`);
  for (const line of lines) session.output.progress(line);
  const { confirmWord: word } = settings.rollback;
  const command = `sluice rollback ${environment} --reason "…" --confirm ${word}`;
  await confirm({ word, given: options.confirm, code: "ROLLBACK_REFUSED", command });
  const row = await createRow(session, settings, {
    kind: "rollback",
    version: target.to.version,
    commit: target.to.commit,
    input: { deploy: null, rollback: request },
  });
  const { ledger } = await session.state();
  await ledger.append(
    {
      deploymentId: row.id,
      environment,
      step: "rollback by hand",
      phase: "progress",
      key: "reason",
      title: `${session.user}${options.emergency ? " (emergency, outside the window)" : ""}: ${request.reason}`,
      tone: "warn",
      actor: session.user,
      detail: { reason: request.reason, emergency: options.emergency ?? false },
    },
    null,
  );
  return begin(session, row, options);
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
