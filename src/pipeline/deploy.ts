/**
 * One deployment, top to bottom. Every line is a stage (stages/*.ts); what was begun is undone in reverse when one fails
 * (run.ts), and settle.ts decides how it ended. Killed anywhere, it is run again from the top and finds its finished steps in
 * the journal.
 */
import { revisionFor } from "../domain/ids.ts";
import { asJson } from "../domain/json.ts";
import type { Artifact, Release } from "../domain/release.ts";
import { commonVersion, type Serving, type ServingComponent } from "../domain/serving.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { schemasBefore } from "./left-overs.ts";
import { withFailureAction } from "./on-failure.ts";
import type { Parts } from "./parts.ts";
import { readCountersBefore } from "./reading.ts";
import type { Run } from "./run.ts";
import { approve } from "./stages/approve.ts";
import { backup } from "./stages/backup.ts";
import { build } from "./stages/build.ts";
import { confirmCi, mustConfirmCi } from "./stages/confirm-ci.ts";
import { lock } from "./stages/lock.ts";
import { migrate } from "./stages/migrate.ts";
import { observe } from "./stages/observe.ts";
import { type MadePlan, planning, refuseBlocked } from "./stages/plan.ts";
import { preflight } from "./stages/preflight.ts";
import { promote } from "./stages/promote.ts";
import { retire } from "./stages/retire.ts";
import { saveConfiguration } from "./stages/save-configuration.ts";
import { smoke } from "./stages/smoke.ts";
import { type Started, startCandidate } from "./stages/start-candidate.ts";
import { type ReleaseRequest, validateRelease } from "./stages/validate-release.ts";
import { supersedeOlder } from "./supersede.ts";
import { walkWeights } from "./weights.ts";

export interface DeployRequest extends ReleaseRequest {
  /** P6: an input may ask for more approvals, never for fewer. */
  readonly approvalsRequired: number;
}

export async function deploy(run: Run, request: DeployRequest): Promise<void> {
  const { settings } = run.parts;
  const release = await run.do(validateRelease, request);
  const buildInput = { release, components: settings.components };
  const built = settings.build === "before-plan" ? await run.do(build, buildInput) : [];
  const serving = await run.record("serving", () => servingNow(run.parts));
  const findings = await run.do(preflight, { deploymentId: run.row.id, release, artifacts: built, serving });
  const made = await run.do(planning, { deploymentId: run.row.id, release, artifacts: built, findings, serving });
  await announce(run, made);
  refuseBlocked(made.plan);
  await supersedeOlder(run);

  await run.do(approve, await approvalOf(run, made, request));
  await run.do(lock, {
    environment: settings.environment,
    heldBy: run.row.startedBy,
    replaces: serving?.deploymentId ?? null,
    onBusy: settings.lock.onBusy,
    queueTimeoutMs: settings.lock.queueTimeoutMs,
  });
  if (mustConfirmCi(settings)) await run.do(confirmCi, { commit: release.commit });
  await run.do(saveConfiguration, { serving });
  await run.do(backup, {
    environment: settings.environment,
    policy: settings.backup.policy,
    takenAtMs: await run.flow.now(),
    deploymentId: run.row.id,
  });
  const artifacts = await migrateAndBuild(run, made, built, buildInput);
  const candidate = componentsOf(settings, release, artifacts, run.row.id);
  await shiftTraffic(run, release.version, candidate, serving);
}

/** The plan stands before anything changes: everybody who follows sees the same one. */
async function announce(run: Run, { plan, digest }: MadePlan): Promise<void> {
  await run.tell("plan", "announced", `plan ${digest.slice(0, 12)}, risk ${plan.risk.level}`, "info", {
    digest,
    plan: asJson(plan),
  });
  await run.notify("started", {
    title: `${plan.release.version} to ${plan.environment}`,
    message: `${counted(plan.changes.length, "commit")}, ${counted(plan.migrations.length, "migration")}, risk ${plan.risk.level}. Started by ${run.row.startedBy}.`,
    next: `sluice status ${run.row.id}`,
  });
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** From the started candidate to the stable version; a rollback goes the same way with fewer steps. */
export async function shiftTraffic(
  run: Run,
  version: string,
  candidate: readonly ServingComponent[],
  stable: Serving | null,
  rollout = run.parts.settings.rollout,
): Promise<void> {
  const { settings } = run.parts;
  const started = await run.do(startCandidate, { candidate, stable });
  const routed = [...run.parts.routers.keys()];
  const common = { candidate, stable, started, routed, version, rollout };

  await walkWeights(run, common);
  const { suite, timeoutMs } = settings.smoke;
  await withFailureAction(run, "smoke", () => run.do(smoke, { version: commonVersion(candidate), suite, timeoutMs }));
  await withFailureAction(run, "observation", async () =>
    run.do(observe, {
      version,
      before: await run.record("counters", (ctx) => readCountersBefore(ctx, common)),
      startedAtMs: await run.flow.now(),
      observation: settings.observation,
      candidate,
      instances: started.candidate,
      stable,
      routed: routed.length > 0,
    }),
  );
  await finishWith(run, version, candidate, stable, started);
}

async function finishWith(
  run: Run,
  version: string,
  candidate: readonly ServingComponent[],
  stable: Serving | null,
  started: Started,
): Promise<void> {
  const { settings, routers } = run.parts;
  const becomes: Serving = {
    deploymentId: run.row.id,
    version,
    commit: run.row.commit,
    sinceMs: await run.flow.now(),
    components: candidate,
  };
  const rollout = { candidate, stable, started, routed: [...routers.keys()] };
  await run.do(promote, { becomes, rollout });
  run.passPointOfNoReturn();
  await run.do(retire, { serves: becomes, stable, keepStable: settings.rollout.keepStableMs > 0 });
  for (const { component } of candidate) {
    await run.notify("component-updated", {
      title: `${component} in ${settings.environment} is ${version}`,
      message: `${component} serves ${version} alone.`,
      next: `sluice status ${settings.environment}`,
    });
  }
}

/** M3: beside the build only where every migration merely expands the schema; else the build must succeed first. */
async function migrateAndBuild(
  run: Run,
  { plan }: MadePlan,
  built: readonly Artifact[],
  buildInput: { readonly release: Release; readonly components: EnvironmentSettings["components"] },
): Promise<readonly Artifact[]> {
  const planned = plan.migrations;
  const before = planned.length > 0 ? await run.record("schema", (ctx) => schemasBefore(ctx.parts, planned, ctx)) : {};
  const migrateInput = { release: plan.release, artifacts: built, planned, before };
  if (run.parts.settings.build === "before-plan") {
    await run.do(migrate, migrateInput);
    return built;
  }
  if (plan.migrations.every((migration) => migration.class === "expand")) {
    const [artifacts] = await run.together([build, buildInput], [migrate, migrateInput]);
    return artifacts;
  }
  const artifacts = await run.do(build, buildInput);
  await run.do(migrate, { ...migrateInput, artifacts });
  return artifacts;
}

async function approvalOf(run: Run, { plan, digest }: MadePlan, request: DeployRequest) {
  const { approvals } = run.parts.settings;
  return {
    rules: {
      required: Math.max(approvals.required, request.approvalsRequired),
      approvers: approvals.approvers,
      startedBy: run.row.startedBy,
      excluded: approvals.excludeAuthor ? [plan.release.author, plan.release.authorEmail] : [],
      planDigest: digest,
      acceptDeclared: approvals.acceptDeclared,
    },
    waitMs: approvals.waitMs,
    expiresAtMs: (await run.flow.now()) + approvals.timeoutMs,
    remindEveryMs: approvals.remindEveryMs,
  };
}

export async function servingNow(parts: Parts): Promise<Serving | null> {
  const row = await parts.ledger.serving(parts.settings.environment);
  return row ? (row.detail as unknown as Serving) : null;
}

function componentsOf(
  settings: EnvironmentSettings,
  release: Release,
  artifacts: readonly Artifact[],
  deploymentId: string,
): readonly ServingComponent[] {
  return settings.components.map((component) => {
    const artifact = artifacts.find((each) => each.component === component.name);
    if (artifact === undefined) throw new Error(`the build returned no artifact for ${component.name}`);
    return {
      component: component.name,
      revision: revisionFor(release.version, deploymentId),
      version: release.version,
      commit: release.commit,
      artifact,
      settings: component,
    };
  });
}
