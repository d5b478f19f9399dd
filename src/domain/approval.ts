import type { DeploymentEvent } from "./events.ts";

/** How a vote was proven. `declared`: nothing but the person's word; counts only where the configuration says so. */
export type Proof =
  | { readonly kind: "ssh-signature"; readonly signature: string; readonly keyFingerprint: string }
  | { readonly kind: "declared" };

export interface ApprovalVote {
  readonly by: string;
  readonly decision: "approve" | "reject";
  /** The digest of the plan that the person saw; a vote for another plan does not count. */
  readonly planDigest: string;
  readonly comment: string;
  readonly proof: Proof;
}

export interface Approval extends ApprovalVote {
  readonly atMs: number;
}

export interface ApprovalRules {
  readonly required: number;
  /** Who may approve. Empty: anyone but the one who started it. */
  readonly approvers: readonly string[];
  readonly startedBy: string;
  /** P3: besides the starter, e.g. the commit's author where the environment excludes them. */
  readonly excluded: readonly string[];
  readonly planDigest: string;
  /** May a declared, unproven vote count? Development only. */
  readonly acceptDeclared: boolean;
}

export type ApprovalState =
  | { readonly kind: "granted"; readonly by: readonly string[] }
  | { readonly kind: "rejected"; readonly by: string; readonly comment: string }
  | { readonly kind: "waiting"; readonly missing: number; readonly by: readonly string[] };

const samePerson = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();

/** Why this vote does not count, in words; undefined where it does. */
export function voteFault(vote: ApprovalVote, rules: ApprovalRules): string | undefined {
  if (vote.planDigest !== rules.planDigest) return "it was given for another plan";
  if (rules.approvers.length > 0 && !rules.approvers.some((name) => samePerson(name, vote.by))) {
    return `${vote.by} is not one of the approvers (${rules.approvers.join(", ")})`;
  }
  if (vote.decision === "approve" && samePerson(vote.by, rules.startedBy)) return `${vote.by} started this deployment`;
  if (vote.decision === "approve" && rules.excluded.some((name) => samePerson(name, vote.by))) {
    return `${vote.by} has a part in this release and cannot approve it`;
  }
  if (vote.proof.kind === "declared" && !rules.acceptDeclared) return "it is declared, not proven by a signature";
  return undefined;
}

/** P3: people are counted from rows, each once; one rejection ends it. */
export function countApprovals(votes: readonly Approval[], rules: ApprovalRules): ApprovalState {
  const counting = votes.filter((vote) => voteFault(vote, rules) === undefined);
  const rejection = counting.find((vote) => vote.decision === "reject");
  if (rejection) return { kind: "rejected", by: rejection.by, comment: rejection.comment };
  const by = [...new Set(counting.map((vote) => vote.by.trim().toLowerCase()))];
  const missing = rules.required - by.length;
  return missing <= 0 ? { kind: "granted", by } : { kind: "waiting", missing, by };
}

/**
 * The plan that people are asked about: the one of the last question, until the stage has ended. A vote's own event is an "end" too,
 * with who cast it. Whoever took the deployment over may be on the way back to the question, so its state does not tell.
 */
export function awaitedDigest(events: readonly DeploymentEvent[]): string | undefined {
  const ours = events.filter(({ step }) => step === "approve");
  if (ours.some(({ phase, actor }) => phase === "end" && actor === null)) return undefined;
  const asked = ours.map(({ detail }) => (detail ?? {}) as { waitingForApproval?: boolean; planDigest?: string });
  return asked.findLast(({ waitingForApproval }) => waitingForApproval)?.planDigest;
}
