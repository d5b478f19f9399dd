/**
 * P1: the plan a person approves. It covers release, artifacts, configuration, findings and every step; its digest is what
 * an approval signs, so that a change of any of them voids the approval.
 */

import type { Fencing } from "./attempt.ts";
import type { Change, PlanAtForge } from "./change-list.ts";
import type { CheckAction } from "./checks.ts";
import type { Json } from "./json.ts";
import { asJson } from "./json.ts";
import type { Artifact, Release } from "./release.ts";
import type { Risk } from "./risk.ts";
import type { Serving } from "./serving.ts";
import type { EnvironmentSettings } from "./settings.ts";

/** One pre-flight check's result under its action in this environment. */
export interface Finding {
  readonly check: string;
  readonly action: CheckAction;
  readonly verdict: "pass" | "fail" | "unknown";
  readonly detail: string;
  readonly hint: string;
}

export interface PlannedMigration {
  readonly database: string;
  readonly id: string;
  readonly sql: string | null;
  readonly class: string;
  readonly findings: readonly {
    readonly rule: string;
    readonly statement: string;
    readonly reason: string;
    readonly recipe: readonly string[];
    readonly severity: "block" | "warn";
  }[];
}

export interface PlannedStep {
  readonly stage: string;
  readonly touches: string;
  readonly lines: readonly string[];
  readonly expectedMs: number;
}

export interface PlannedTarget {
  readonly what: string;
  readonly kind: string;
  readonly fencing: Fencing;
}

export interface Plan {
  readonly deploymentId: string;
  readonly project: string;
  readonly environment: string;
  readonly url: string | null;
  readonly release: Release;
  readonly artifacts: readonly Artifact[];
  readonly replaces: Serving | null;
  /** Whoever wrote one of them has a part in the release: their names, addresses and accounts stay with the plan. */
  readonly changes: readonly Change[];
  /** Absent: no forge is configured. */
  readonly atForge?: PlanAtForge;
  readonly findings: readonly Finding[];
  readonly migrations: readonly PlannedMigration[];
  readonly steps: readonly PlannedStep[];
  /** What the sequential test could see with the traffic of the last minutes. Measured: not part of the digest. */
  readonly foresight: readonly string[];
  readonly rollback: readonly string[];
  readonly risk: Risk;
  readonly targets: readonly PlannedTarget[];
  readonly approvals: { readonly required: number; readonly approvers: readonly string[] };
  readonly settings: EnvironmentSettings;
}

/**
 * The text whose SHA-256 is the plan's digest. What was merely measured (free disk, the age of things) is left out, so that
 * planning the same thing twice gives the same digest.
 */
export function digestText(plan: Plan): string {
  return canonical(
    asJson({
      project: plan.project,
      environment: plan.environment,
      deploymentId: plan.deploymentId,
      release: plan.release,
      artifacts: plan.artifacts.map(({ component, digest }) => ({ component, digest })),
      replaces: plan.replaces?.deploymentId ?? null,
      findings: plan.findings.map(({ check, action, verdict }) => ({ check, action, verdict })),
      migrations: plan.migrations,
      steps: plan.steps.map(({ stage, lines }) => ({ stage, lines })),
      settings: plan.settings,
    }),
  );
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value as { readonly [key: string]: Json })
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

export const blockingFindings = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter((finding) => finding.action === "block" && finding.verdict !== "pass");
