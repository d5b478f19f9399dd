/** Approvers that do not exist: they answer a moment after they are asked, with a vote for exactly the plan they were shown. */
import type { ApprovalVote } from "../../domain/approval.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";

export interface Asked {
  readonly planDigest: string;
  readonly missing: number;
  /** Who may not approve: the starter and, where the environment says so, the author. */
  readonly excluded: readonly string[];
}

const isOneOf = (names: readonly string[], name: string): boolean =>
  names.some((each) => each.trim().toLowerCase() === name.trim().toLowerCase());

/** Fewer than asked for where the configuration names too few people who may: then a real deployment would wait in vain, too. */
export function votesOf(
  { approvals }: Pick<EnvironmentSettings, "approvals">,
  asked: Asked,
  people: "approve" | "reject" | "silent",
): readonly ApprovalVote[] {
  if (people === "silent") return [];
  const invented = Array.from({ length: asked.missing }, (_, at) => `simulated-approver-${at + 1}`);
  const may = approvals.approvers.filter((name) => !isOneOf(asked.excluded, name));
  const named = approvals.approvers.length > 0 ? may : invented;
  const comment = "simulated: nobody was asked";
  const proof = { kind: "ssh-signature", signature: "simulated", keyFingerprint: "simulated" } as const;
  const vote = (by: string): ApprovalVote => ({ by, decision: people, planDigest: asked.planDigest, comment, proof });
  return named.slice(0, people === "reject" ? 1 : asked.missing).map(vote);
}
