/** P3: a vote at the command line is an SSH signature over the plan's digest, checked against the configured signers. */
import { signPlanDigest, verifyPlanDigest } from "../adapters/ssh-signature/plan-signature.ts";
import type { Approval, ApprovalVote, Proof } from "../domain/approval.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";

/** A rejection is signed for another purpose than an approval: one can never be shown as the other. */
const namespaceOf = ({ decision }: Pick<ApprovalVote, "decision">) =>
  decision === "approve" ? ("sluice-approval" as const) : ("sluice-rejection" as const);

export async function signVote(vote: Pick<ApprovalVote, "decision" | "planDigest">, keyFile: string): Promise<Proof> {
  const signed = await signPlanDigest({ digest: vote.planDigest, keyFile, namespace: namespaceOf(vote) });
  return { kind: "ssh-signature", ...signed };
}

/** Why a vote's proof does not hold. A declared vote has nothing to check; whether it counts is the rules' business. */
export function proofFaultFor({ approvals }: EnvironmentSettings): (vote: Approval) => Promise<string | undefined> {
  return async (vote) => {
    if (vote.proof.kind === "declared") return undefined;
    const verified = await verifyPlanDigest({
      digest: vote.planDigest,
      signature: vote.proof.signature,
      signerName: vote.by,
      allowedSigners: approvals.allowedSigners,
      namespace: namespaceOf(vote),
    });
    return verified.kind === "valid" ? undefined : verified.message;
  };
}
