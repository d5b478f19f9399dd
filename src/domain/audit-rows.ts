/**
 * Z4: rows beside the events that say the same as they do. The votes that were counted and the facts of a deployment can be
 * edited apart from the story; told from the story, which is chained, they cannot.
 */
import type { Approval, ApprovalVote } from "./approval.ts";
import type { Fault, StoredChain } from "./audit.ts";
import { canonicalJson, type DeploymentEvent } from "./events.ts";
import { asJson, type Json } from "./json.ts";
import type { Outcome } from "./outcome.ts";

/** The facts of a deployment that its last line repeats. */
export interface DeploymentFacts {
  readonly kind: string;
  readonly version: string;
  readonly commit: string;
  readonly startedBy: string;
  /** Null until it has ended. */
  readonly outcome: Outcome | null;
}

export const factsInStory = ({ kind, version, commit, startedBy }: Omit<DeploymentFacts, "outcome">) => ({
  kind,
  version,
  commit,
  startedBy,
});

/** Every vote has its event with the same words, and every such event its vote. */
export function votesFault({ chain, events }: StoredChain, votes: readonly Approval[]): Fault | undefined {
  const told = events.filter(({ step, phase }) => phase === "end" && (step === "approve" || step === "reject"));
  const toldTexts = told.map(({ detail }) => canonicalJson(detail));
  const votedTexts = votes.map(({ atMs: _, ...vote }) => canonicalJson(asJson<ApprovalVote>(vote)));
  const untold = votes.find((_, index) => !toldTexts.includes(votedTexts[index] ?? ""));
  if (untold) {
    const message = `the ledger counts a vote by ${untold.by} (${untold.decision}) that the story does not tell of`;
    return { chain, seq: events.length, kind: "disagrees", message };
  }
  const lost = told.find((_, index) => !votedTexts.includes(toldTexts[index] ?? ""));
  if (lost === undefined) return undefined;
  return { chain, seq: lost.seq, kind: "disagrees", message: `this vote by ${lost.actor} is not among those counted` };
}

/** Only of an ended deployment: before its last line the story does not repeat the facts. */
export function factsFault({ chain, events }: StoredChain, facts: DeploymentFacts): Fault | undefined {
  const last = events.findLast(({ step, key }) => step === "finish" && key === "outcome");
  if (last === undefined) return undefined;
  const wrong = Object.entries(facts).find(([name, value]) => value !== null && differs(last, name, value));
  if (wrong === undefined) return undefined;
  const [name, value] = wrong;
  const words = `the ledger's row says ${name} ${JSON.stringify(value)}; the story says ${JSON.stringify(told(last, name))}`;
  return { chain, seq: last.seq, kind: "disagrees", message: words };
}

const told = ({ detail }: DeploymentEvent, name: string): Json | undefined =>
  (detail as { readonly [key: string]: Json } | null)?.[name];

const differs = (last: DeploymentEvent, name: string, value: string): boolean => {
  const words = told(last, name);
  return words !== undefined && words !== value;
};
