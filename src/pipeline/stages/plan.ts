/**
 * P1 P2 M4: the plan, made of what the stages themselves say they will do. Nothing has changed yet when it is made, and its
 * digest is what people approve.
 */
import semver from "semver";
import { isMovedTag, type PlanAtForge, tagAtForge } from "../../domain/change-list.ts";
import { SluiceError } from "../../domain/errors.ts";
import { blockingFindings, digestText, type Finding, type Plan, type PlannedStep } from "../../domain/plan.ts";
import type { Artifact, Release } from "../../domain/release.ts";
import { assessRisk } from "../../domain/risk.ts";
import { stepsFor } from "../../domain/rollout.ts";
import type { Serving } from "../../domain/serving.ts";
import { changeList } from "../change-list.ts";
import { foresight } from "../foresight.ts";
import type { Parts } from "../parts.ts";
import { lintFinding, migrationOutlook } from "../planned-migrations.ts";
import type { PlanFacts, Stage } from "../stage.ts";
import { lastStages } from "./all.ts";

interface PlanInput {
  readonly deploymentId: string;
  readonly release: Release;
  readonly artifacts: readonly Artifact[];
  readonly findings: readonly Finding[];
  readonly serving: Serving | null;
}

export interface MadePlan {
  readonly plan: Plan;
  readonly digest: string;
}

export const planning: Stage<PlanInput, PlanInput, MadePlan> = {
  name: "plan",
  touches: "nothing",
  plan: () => [],
  expectedMs: () => 500,
  prepare: (input) => input,
  async run(input, ctx) {
    const made = await makePlan(ctx.parts, input, ctx.signal);
    await ctx.parts.runFolder(ctx.deploymentId).write("plan.json", `${JSON.stringify(made, null, 2)}\n`);
    return made;
  },
  summary: ({ plan, digest }) => `risk ${plan.risk.level}, ${plan.steps.length} stages, digest ${digest.slice(0, 12)}`,
};

export async function makePlan(parts: Parts, input: PlanInput, signal: AbortSignal): Promise<MadePlan> {
  const { settings } = parts;
  const serving = input.serving ?? undefined;
  const outlook = await migrationOutlook(parts, input, signal);
  const migrations = outlook.planned;
  const facts: PlanFacts = { settings, release: input.release, artifacts: input.artifacts, serving, migrations };
  const findings = [...input.findings, ...lintFinding(parts, input.serving, outlook)];
  const { changes, atForge } = await changeList(parts, input, signal);
  const plan: Plan = {
    deploymentId: input.deploymentId,
    project: settings.project,
    environment: settings.environment,
    url: settings.url,
    release: input.release,
    artifacts: input.artifacts,
    replaces: input.serving,
    changes,
    ...(atForge ? { atForge } : {}),
    findings,
    migrations,
    steps: plannedSteps(facts),
    foresight: await foresight(parts, input.release.version, input.serving, signal),
    rollback: rollbackLines(facts),
    risk: riskOf(parts, facts, { findings, commits: changes.length, atForge }),
    targets: [
      { what: "target", kind: parts.target.kind, fencing: parts.target.fencing },
      ...[...parts.routers].map(([what, { kind, fencing }]) => ({ what, kind, fencing })),
    ],
    approvals: { required: settings.approvals.required, approvers: settings.approvals.approvers },
    settings,
  };
  return { plan, digest: parts.sha256(digestText(plan)) };
}

/** A blocked plan is shown in full and goes no further. */
export function refuseBlocked(plan: Plan): void {
  const blocking = blockingFindings(plan.findings);
  const [first] = blocking;
  if (first === undefined) return;
  const code = codeFor(first);
  throw new SluiceError({
    code,
    remedy: "operator",
    at: "stages.preflight",
    message: blocking.map(({ check, detail }) => `${check}: ${detail}`).join("; "),
    hint: `Nothing was touched. ${first.hint}`,
  });
}

function codeFor(
  finding: Finding,
): "LEDGER_FOREIGN" | "LOCK_HELD" | "MIGRATION_INCOMPATIBLE" | "CI_NOT_PASSED" | "PREFLIGHT_FAILED" {
  if (finding.detail.startsWith("LEDGER_FOREIGN")) return "LEDGER_FOREIGN";
  if (finding.detail.startsWith("LOCK_HELD")) return "LOCK_HELD";
  if (finding.check === "migration-lint") return "MIGRATION_INCOMPATIBLE";
  return finding.check === "ci" ? "CI_NOT_PASSED" : "PREFLIGHT_FAILED";
}

function plannedSteps(facts: PlanFacts): readonly PlannedStep[] {
  return lastStages()
    .map((stage) => ({
      stage: stage.name,
      touches: stage.touches,
      lines: stage.plan(facts),
      expectedMs: stage.expectedMs(facts),
    }))
    .filter(({ lines }) => lines.length > 0);
}

function rollbackLines({ serving, settings, migrations }: PlanFacts): readonly string[] {
  const back = serving
    ? [
        `traffic of every route goes back to ${serving.version} and is read back from the router`,
        "the candidate is drained, then stopped",
        `${serving.version} is verified with the health and smoke checks`,
      ]
    : ["nothing serves yet: the candidate is taken out of the router and removed"];
  const data =
    migrations.length > 0 ? ["migrations stay in place; a restore is a separate, typed decision: sluice restore"] : [];
  const window = `afterwards, by hand for ${Math.round(settings.rollback.windowMs / 60_000)} min: sluice rollback ${settings.environment}`;
  return [...back, ...data, window];
}

interface Known {
  readonly findings: readonly Finding[];
  readonly commits: number;
  readonly atForge: PlanAtForge | undefined;
}

function riskOf(parts: Parts, facts: PlanFacts, { findings, commits, atForge }: Known) {
  const { settings, serving, release, migrations } = facts;
  const [from, to] = [
    semver.parse(serving?.version.replace(/^v/, "")),
    semver.parse(release.version.replace(/^v/, "")),
  ];
  const checked = [
    ["target", parts.target.fencing],
    ...[...parts.routers].map(([name, router]) => [name, router.fencing]),
  ];
  return assessRisk({
    firstDeployment: serving === undefined,
    skippedChecks: settings.overrides.filter((check) => settings.checks[check] === "off"),
    warnings: [
      ...findings
        .filter(({ action, verdict }) => action === "warn" && verdict !== "pass")
        .map(({ check, detail }) => `${check}: ${detail}`),
      ...(atForge && isMovedTag(release, atForge) ? [tagAtForge(release, atForge) ?? ""] : []),
    ],
    migrations: migrations.length,
    breakingMigrations: serving
      ? migrations
          .filter(({ findings: found }) => found.some(({ severity }) => severity === "block"))
          .map(({ id }) => id)
      : [],
    databases: settings.databases.length,
    backupPolicy: settings.backup.policy,
    commits,
    majorVersionChange: from !== null && to !== null && from.major !== to.major,
    olderThanServing: from !== null && to !== null && semver.lt(to, from),
    firstStepPercent: stepsFor(settings.rollout.steps, serving !== undefined)[0]?.percent ?? 100,
    fencingChecked: checked.filter(([, fencing]) => fencing === "checked").map(([name]) => name ?? ""),
    migrateBesideBuild: settings.build === "with-migrations",
  });
}
