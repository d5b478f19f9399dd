/** `sluice deploy <environment> <version>`: resolves the release, writes the deployment down, starts its worker, follows it. */
import { hostname } from "node:os";
import type { DeploymentInput } from "../../app/flows.ts";
import type { DeploymentRow } from "../../app/model.ts";
import { applicationVersion } from "../../app/other-versions.ts";
import { releaseFor } from "../../app/release-for.ts";
import { startWorker } from "../../app/start-worker.ts";
import { runWorker } from "../../app/worker.ts";
import { deploymentIdFor } from "../../domain/ids.ts";
import { asJson } from "../../domain/json.ts";
import { exitCodes } from "../../domain/outcome.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { follow } from "../follow.ts";
import type { Session } from "../session.ts";
import { tellOtherVersions } from "../tell-other-versions.ts";
import { wholeNumber } from "../usage.ts";

export interface BeginOptions {
  readonly wait?: boolean;
  readonly detach?: boolean;
  readonly foreground?: boolean;
}

export interface DeployOptions extends BeginOptions {
  readonly approvals?: string;
  readonly dryRun?: boolean;
}

const mostApprovals = 20;

export async function deployCommand(
  session: Session,
  environment: string,
  name: string,
  options: DeployOptions,
): Promise<number> {
  if (options.dryRun) {
    const { planCommand } = await import("./plan.ts");
    return planCommand(session, environment, name, { build: true });
  }
  const settings = await session.settings(environment);
  // P6: an input may ask for more, never for fewer.
  const asked =
    options.approvals === undefined ? 0 : wholeNumber(options.approvals, "--approvals", { min: 0, max: mostApprovals });
  const approvalsRequired = Math.max(settings.approvals.required, asked);
  const { ref, release } = await releaseFor(settings, session.projectFolder, name);
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
  const otherVersions = await tellOtherVersions(session);
  if (otherVersions.length > 0) session.output.event({ type: "other-versions", otherVersions }, undefined);
  const nowMs = await ledger.now();
  return ledger.createDeployment({
    id: deploymentIdFor(nowMs, what.commit),
    project: settings.project,
    environment: settings.environment,
    kind: what.kind,
    version: what.version,
    commit: what.commit,
    startedBy: session.user,
    input: asJson({ ...what.input, settings, projectFolder: session.projectFolder, host: hostname() }),
    applicationVersion,
  });
}

/** In CI the job's own process runs it, so that the job's log and signals belong to it; elsewhere a detached worker does. */
export async function begin(session: Session, row: DeploymentRow, options: BeginOptions): Promise<number> {
  const { output } = session;
  output.event(
    { type: "created", deployment: row.id, environment: row.environment, version: row.version },
    `${row.version} to ${row.environment}: deployment ${row.id}`,
  );
  if (options.foreground ?? session.environment.CI === "true") return inForeground(session, row, options);
  startWorker(row.id, session);
  if (options.detach) {
    output.next(`sluice logs ${row.id} --follow`);
    return 0;
  }
  return follow(session, row.id, { wait: options.wait ?? false, revive: true });
}

async function inForeground(session: Session, row: DeploymentRow, options: BeginOptions): Promise<number> {
  const { stateFolder, environment } = session;
  const leaving = new AbortController();
  const running = runWorker({
    url: environment.SLUICE_DATABASE_URL,
    stateFolder,
    deploymentId: row.id,
    environment,
    leave: leaving.signal,
  });
  // A worker that cannot start must be heard now, not after a follower has waited for its first event for ever.
  const broken = running.then(() => new Promise<never>(() => undefined));
  const exitCode = await Promise.race([
    follow(session, row.id, { wait: options.wait ?? false, revive: false }),
    broken,
  ]);
  // Nobody is there any more while people are asked; whoever resumes it goes on.
  if (exitCode === exitCodes.waitingForApproval) leaving.abort();
  const after = await (await session.state()).ledger.deployment(row.id);
  if (leaving.signal.aborted || after?.state === "ended") await running;
  return exitCode;
}
