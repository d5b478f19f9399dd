/** `sluice deploy <environment> <version>`: resolves the release, writes the deployment down, starts its worker, follows it. */
import { applicationVersion, type DeploymentInput } from "../../app/flows.ts";
import { startWorker } from "../../app/start-worker.ts";
import { runWorker } from "../../app/worker.ts";
import { deploymentIdFor } from "../../domain/ids.ts";
import { asJson } from "../../domain/json.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { refFor, resolveRelease } from "../../pipeline/stages/validate-release.ts";
import type { DeploymentRow } from "../../ports/ledger.ts";
import { follow } from "../follow.ts";
import type { Session } from "../session.ts";

export interface DeployOptions {
  readonly approvals?: string;
  readonly wait?: boolean;
  readonly detach?: boolean;
  readonly foreground?: boolean;
}

export async function deployCommand(session: Session, environment: string, name: string, options: DeployOptions): Promise<number> {
  const settings = session.project().settings(environment);
  const parts = await session.parts(settings);
  const ref = refFor(settings, name);
  const release = await resolveRelease(parts.source, settings, ref, new AbortController().signal);
  const approvalsRequired = Math.max(settings.approvals.required, Number(options.approvals ?? 0));
  const row = await createRow(session, settings, {
    kind: "deploy",
    version: release.version,
    commit: release.commit,
    input: { deploy: { ref, commit: release.commit, approvalsRequired }, rollback: null },
  });
  return begin(session, row, options);
}

export async function createRow(
  session: Session,
  settings: EnvironmentSettings,
  what: {
    readonly kind: DeploymentRow["kind"];
    readonly version: string;
    readonly commit: string;
    readonly input: Pick<DeploymentInput, "deploy" | "rollback">;
  },
): Promise<DeploymentRow> {
  const { ledger } = await session.state();
  const nowMs = await ledger.now();
  return ledger.createDeployment({
    id: deploymentIdFor(nowMs, what.commit),
    project: settings.project,
    environment: settings.environment,
    kind: what.kind,
    version: what.version,
    commit: what.commit,
    startedBy: session.user,
    input: asJson({ ...what.input, settings, projectFolder: session.projectFolder }),
    applicationVersion,
  });
}

/** In CI the job's own process runs it, so that the job's log and signals belong to it; elsewhere a detached worker does. */
export async function begin(session: Session, row: DeploymentRow, options: DeployOptions): Promise<number> {
  const { output } = session;
  const { stateFolder } = session.project();
  output.event({ type: "created", deployment: row.id, environment: row.environment, version: row.version }, `${row.version} to ${row.environment}: deployment ${row.id}`);
  const foreground = options.foreground ?? process.env["CI"] === "true";
  if (foreground) {
    const url = process.env["SLUICE_DATABASE_URL"];
    const running = runWorker({ url, stateFolder, deploymentId: row.id, environment: process.env });
    const exitCode = await follow(session, row.id, { wait: options.wait ?? false, revive: false });
    if ((await (await session.state()).ledger.deployment(row.id))?.state === "ended") await running;
    return exitCode;
  }
  startWorker(row.id, { projectFolder: session.projectFolder, stateFolder });
  if (options.detach) {
    output.next(`sluice logs ${row.id} --follow`);
    return 0;
  }
  return follow(session, row.id, { wait: options.wait ?? false, revive: true });
}
