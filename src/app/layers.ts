/**
 * W6: single layers for workflows that are somebody else's: the same stages as in a deployment, without journal and undo.
 * What may only be done by one at a time takes the environment's lock by hand and gives it back, whatever happens.
 */
import type { BackupManifest } from "../domain/backup.ts";
import { type CheckName, checkNames } from "../domain/checks.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Finding, PlannedMigration } from "../domain/plan.ts";
import type { Artifact, Release } from "../domain/release.ts";
import type { Serving } from "../domain/serving.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { type AloneOptions, alone, contextAlone } from "../pipeline/alone.ts";
import { servingNow } from "../pipeline/deploy.ts";
import { schemasBefore } from "../pipeline/left-overs.ts";
import { missedBy } from "../pipeline/objectives.ts";
import type { Parts } from "../pipeline/parts.ts";
import { readCounters } from "../pipeline/reading.ts";
import { backup } from "../pipeline/stages/backup.ts";
import { build } from "../pipeline/stages/build.ts";
import { busy } from "../pipeline/stages/lock.ts";
import { migrate } from "../pipeline/stages/migrate.ts";
import { type Observed, observe } from "../pipeline/stages/observe.ts";
import { type MadePlan, makePlan, refuseBlocked } from "../pipeline/stages/plan.ts";
import { preflight } from "../pipeline/stages/preflight.ts";
import { runSmoke } from "../pipeline/stages/smoke.ts";
import { tellMissed } from "./objectives.ts";

/** Who hears of progress, and whose end ends the layer. */
export interface Reporter {
  readonly signal: AbortSignal;
  readonly tell: AloneOptions["tell"];
}

const optionsFor = (parts: Parts, layer: string, version: string, reporter: Reporter): AloneOptions => {
  const time = new Date(parts.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return { parts, name: `${layer}-${time}`, version, ...reporter };
};

export interface Preflight {
  readonly findings: readonly Finding[];
  /** Not asked, since no release was named or it was not built. */
  readonly skipped: readonly CheckName[];
}

/** What is about one release can only be asked when one is named; what is about its build, only once it is built. */
const skippedWith = (release: Release | undefined): readonly CheckName[] =>
  release ? ["artifacts"] : ["ci", "artifacts", "migrations"];

export async function preflightAlone(
  parts: Parts,
  release: Release | undefined,
  reporter: Reporter,
): Promise<Preflight> {
  const skipped = skippedWith(release).filter((check) => parts.settings.checks[check] !== "off");
  const checks = { ...parts.settings.checks, ...Object.fromEntries(skipped.map((check) => [check, "off" as const])) };
  const asked: Parts = { ...parts, settings: { ...parts.settings, checks } };
  const serving = await servingNow(parts);
  const findings = await findingsOf(asked, release ?? nothingNamed, [], serving, reporter);
  return { findings: findings.toSorted((a, b) => rank(a.check) - rank(b.check)), skipped };
}

const rank = (check: string): number => checkNames.indexOf(check as CheckName);

const nothingNamed: Release = {
  version: "",
  ref: { kind: "tag", name: "" },
  commit: "",
  author: "",
  authorEmail: "",
  subject: "",
  committedAtMs: 0,
};

/** What is shown at once needs no file. */
async function findingsOf(
  parts: Parts,
  release: Release,
  artifacts: readonly Artifact[],
  serving: Serving | null,
  reporter: Reporter,
): Promise<readonly Finding[]> {
  const options = optionsFor(parts, "check", release.version, { ...reporter, tell: () => undefined });
  const context = { ...contextAlone(options), log: async () => undefined };
  return preflight.run(preflight.prepare({ deploymentId: options.name, release, artifacts, serving }), context);
}

/** Builds unless told not to; touches nothing that serves, and starts nothing. */
export async function planAlone(
  parts: Parts,
  release: Release,
  options: { readonly build: boolean },
  reporter: Reporter,
): Promise<MadePlan> {
  const artifacts =
    options.build && parts.settings.build === "before-plan" ? await buildAlone(parts, release, reporter) : [];
  const serving = await servingNow(parts);
  const built = artifacts.length > 0 || parts.settings.build === "with-migrations";
  const checks = built ? parts.settings.checks : { ...parts.settings.checks, artifacts: "off" as const };
  const findings = await findingsOf(
    { ...parts, settings: { ...parts.settings, checks } },
    release,
    artifacts,
    serving,
    reporter,
  );
  const { name } = optionsFor(parts, "plan", release.version, reporter);
  return makePlan(parts, { deploymentId: name, release, artifacts, findings, serving }, reporter.signal);
}

export async function buildAlone(parts: Parts, release: Release, reporter: Reporter): Promise<readonly Artifact[]> {
  const { components } = parts.settings;
  return alone(build, { release, components }, optionsFor(parts, "build", release.version, reporter));
}

/** The pending migrations of a release with their lint findings, as its plan would show them; refused like a plan. */
export async function pendingMigrations(
  parts: Parts,
  release: Release,
  reporter: Reporter,
): Promise<readonly PlannedMigration[]> {
  const serving = await servingNow(parts);
  const { name } = optionsFor(parts, "migrate", release.version, reporter);
  const input = { deploymentId: name, release, artifacts: [], findings: [], serving };
  const { plan } = await makePlan(parts, input, reporter.signal);
  refuseBlocked(plan);
  return plan.migrations;
}

export async function migrateAlone(
  parts: Parts,
  release: Release,
  planned: readonly PlannedMigration[],
  by: string,
  reporter: Reporter,
): Promise<readonly string[]> {
  const options = optionsFor(parts, "migrate", release.version, reporter);
  return underManualLock(parts, by, `sluice migrate ${release.version}`, async () => {
    const before = await schemasBefore(parts, planned, contextAlone(options));
    const { applied } = await alone(migrate, { release, artifacts: [], planned, before }, options);
    return applied;
  });
}

/**
 * A lock that the same person holds already, for an incident, stays theirs afterwards; one for the very same work was left by a process
 * that died in it.
 */
export async function underManualLock<T>(parts: Parts, by: string, reason: string, work: () => Promise<T>): Promise<T> {
  const { ledger, settings } = parts;
  const before = await ledger.lock(settings.environment);
  const taken = await ledger.acquireManualLock(settings.environment, by, reason);
  if (taken.kind === "busy") throw busy(settings.environment, taken.holder);
  const mine = await ledger.lock(settings.environment);
  try {
    return await work();
  } finally {
    const now = await ledger.lock(settings.environment);
    const ours = now?.kind === "manual" && now.heldBy === mine?.heldBy && now.sinceMs === mine.sinceMs;
    const stays = before?.sinceMs === now?.sinceMs && before?.reason !== reason;
    if (ours && !stays) await ledger.forceUnlock(settings.environment, by, `${reason} ended`);
  }
}

/** By hand it is always meant: a policy of `none` or `optional` is about deployments. */
export async function backupAlone(parts: Parts, reporter: Reporter): Promise<readonly BackupManifest[]> {
  const { environment, backup: settings } = parts.settings;
  const policy = settings.policy === "verified" ? "verified" : "always";
  const intent = { environment, policy, takenAtMs: parts.clock.now(), deploymentId: null } as const;
  const taken = await alone(backup, intent, optionsFor(parts, "backup", "", reporter));
  await tellMissed(parts, await missedBy(parts, taken, reporter.signal));
  return taken;
}

export async function smokeAlone(parts: Parts, version: string, reporter: Reporter): ReturnType<typeof runSmoke> {
  const options = optionsFor(parts, "smoke", version, reporter);
  return runSmoke(contextAlone(options), version, parts.settings.smoke.timeoutMs);
}

/** Watches what serves. Throws OBSERVATION_FAILED. */
export async function monitorAlone(
  parts: Parts,
  observation: EnvironmentSettings["observation"],
  reporter: Reporter,
): Promise<Observed & { readonly version: string }> {
  const serving = await servingNow(parts);
  if (serving === null) throw nothingServes(parts.settings.environment);
  const revisions = new Set(serving.components.map(({ component, revision }) => `${component} ${revision}`));
  const instances = (await parts.target.observe(reporter.signal)).filter(
    ({ component, revision, state }) => state === "running" && revisions.has(`${component} ${revision}`),
  );
  const context = contextAlone(optionsFor(parts, "monitor", serving.version, reporter));
  const intent = {
    before: await readCounters(context, { candidate: serving.components, stable: null }),
    version: serving.version,
    startedAtMs: parts.clock.now(),
    observation,
    candidate: serving.components,
    instances,
    stable: null,
    routed: parts.routers.size > 0,
  };
  const seen = await observe.run(observe.prepare(intent), context);
  return { ...seen, version: serving.version };
}

export const servingVersion = async (parts: Parts): Promise<string> => {
  const serving = await servingNow(parts);
  if (serving === null) throw nothingServes(parts.settings.environment);
  return serving.version;
};

const nothingServes = (environment: string): SluiceError =>
  new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "app.layers",
    message: `Nothing serves in ${environment} yet, so there is nothing to look at.`,
    hint: `Deploy something first: sluice deploy ${environment} <version>`,
  });
