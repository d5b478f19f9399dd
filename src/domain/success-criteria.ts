/** D5: what a deployment had to meet, whether it did, and what was seen: from its own plan, votes and results. */
import type { Approval } from "./approval.ts";
import type { BackupManifest } from "./backup.ts";
import type { Json } from "./json.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import type { Verdict } from "./verdict.ts";

interface Facts {
  readonly outcome: Outcome;
  readonly servesNow: string | null;
  readonly plan: Plan | null;
  readonly approvals: readonly Approval[];
  readonly backups: readonly BackupManifest[];
  readonly rollout: readonly Json[];
  readonly smoke: readonly { readonly verdict: Verdict }[];
}

export interface Criterion {
  readonly criterion: string;
  readonly met: boolean;
  /** What was measured; nothing is filled in where nothing was. */
  readonly seen: string;
}

export function successCriteria(facts: Facts): readonly Criterion[] {
  const { outcome, servesNow } = facts;
  return [
    preflight(facts),
    approvals(facts),
    ...backups(facts),
    rollout(facts),
    smoke(facts),
    { criterion: "outcome", met: outcome === "succeeded", seen: `${outcome}, ${servesNow ?? "nothing"} serves` },
  ];
}

function preflight({ plan }: Facts): Criterion {
  const criterion = "pre-flight checks";
  if (plan === null) return { criterion, met: false, seen: "there was no plan" };
  const open = plan.findings.filter(({ action, verdict }) => action === "block" && verdict !== "pass").length;
  return { criterion, met: open === 0, seen: `${plan.findings.length} checked, ${open} that block` };
}

function approvals({ plan, approvals: votes }: Facts): Criterion {
  const given = votes.filter(({ decision }) => decision === "approve").length;
  const required = plan?.approvals.required;
  const seen = `${given} of ${required ?? "an unknown number"}`;
  return { criterion: "approvals", met: required !== undefined && given >= required, seen };
}

/** Where the environment takes none, none is missing. */
function backups({ plan, backups: taken }: Facts): readonly Criterion[] {
  if (plan === null || plan.settings.backup.policy === "none" || plan.settings.databases.length === 0) return [];
  const levels = taken.map(({ database, level }) => `${database}: ${level}`).join(", ");
  const met = taken.length >= plan.settings.databases.length;
  return [{ criterion: "backups", met, seen: levels === "" ? "none was taken" : levels }];
}

function rollout({ rollout: steps, outcome }: Facts): Criterion {
  const walked = steps.map((step) => (step as { readonly percent?: unknown } | null)?.percent);
  const percents = walked.filter((percent) => typeof percent === "number").map((percent) => `${percent} %`);
  const seen = percents.length === 0 ? "none ended" : `${percents.join(", ")} ended`;
  return { criterion: "every rollout step held", met: steps.length > 0 && outcome === "succeeded", seen };
}

function smoke({ smoke: checks, outcome }: Facts): Criterion {
  const passed = checks.filter(({ verdict }) => verdict.kind === "pass").length;
  const met = passed === checks.length && outcome === "succeeded";
  return {
    criterion: "smoke checks",
    met,
    seen: checks.length === 0 ? "none ran" : `${passed} of ${checks.length} passed`,
  };
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");

export const criteriaTable = (criteria: readonly Criterion[]): readonly string[] => [
  "| Criterion | Met | Seen |",
  "|---|---|---|",
  ...criteria.map(({ criterion, met, seen }) => `| ${cell(criterion)} | ${met ? "yes" : "no"} | ${cell(seen ?? "")} |`),
];
