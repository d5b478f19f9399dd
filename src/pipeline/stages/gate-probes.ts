/** The gates of pre-flight that an environment may declare (T8 T10). What nobody declared is not asked, and no finding claims that it is well. */
import type { CheckName } from "../../domain/checks.ts";
import type { Artifact, Release } from "../../domain/release.ts";
import { ruleOnStaging, stagedOf } from "../../domain/staging-gate.ts";
import { unknown, type Verdict } from "../../domain/verdict.ts";
import { ruleOnVulnerabilities } from "../../domain/vulnerabilities.ts";
import type { Parts } from "../parts.ts";
import { treeOf } from "../release-tree.ts";

export interface Answer {
  readonly verdict: Verdict;
  readonly detail: string;
  readonly hint?: string;
}

export interface GateInput {
  readonly release: Release;
  readonly artifacts: readonly Artifact[];
}

export function isDeclared(check: CheckName, { settings, vulnerabilities }: Parts): boolean {
  if (check === "staging") return Boolean(settings.staging);
  return check !== "vulnerabilities" || vulnerabilities !== undefined;
}

export async function stagingProbe(
  { ledger, settings: { staging, project } }: Parts,
  { release, artifacts }: GateInput,
): Promise<Answer> {
  if (!staging) return undeclared;
  const { environment } = staging;
  const rows = await ledger.deployments({ project, environment, limit: 200 });
  const staged = stagedOf(rows, release.commit);
  const record = staged && (await ledger.record(staged.row.id));
  const wanted = { commit: release.commit, artifacts, nowMs: await ledger.now() };
  const verdict = ruleOnStaging(staging, wanted, staged, record);
  if (verdict.kind === "pass") return { verdict, detail: `${staged?.row.id} went well in ${environment}` };
  const hint = `Deploy it there first: sluice deploy ${environment} ${release.version}`;
  return { verdict, detail: verdict.reason, hint };
}

export async function vulnerabilityProbe(parts: Parts, input: GateInput, signal: AbortSignal): Promise<Answer> {
  const { vulnerabilities: audit, settings } = parts;
  if (audit === undefined || !settings.vulnerabilities) return undeclared;
  const answer = await audit.look(await treeOf(parts, input, signal), signal);
  if (answer.kind === "silent") {
    const hint = "Nobody told, which is no pass. Try the program by hand, then: sluice check";
    return { verdict: unknown(answer.reason), detail: answer.reason, hint };
  }
  const hint = "Update what is named, or write its id to vulnerabilities.except, then: sluice check";
  return { ...ruleOnVulnerabilities(settings.vulnerabilities, answer.found), hint };
}

const undeclared: Answer = { verdict: unknown("not declared"), detail: "not declared" };
