/** How far a deployment has come, read from its events alone: what `status` shows and what the live line draws. */
import type { DeploymentEvent } from "../../domain/events.ts";
import type { Plan } from "../../domain/plan.ts";
import { bakedPercent } from "../../domain/rollout.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";

/** At the present weight. */
export interface Reading {
  readonly requests: number;
  readonly errors: number;
  readonly p95Ms?: number | null;
}

export interface StageProgress {
  /** The stage; a rollout step is `10 %`. */
  readonly name: string;
  readonly state: "done" | "running" | "failed" | "ahead";
  readonly startedAtMs: number | null;
  readonly tookMs: number | null;
}

/** Where the rollout stands: `asking` waits for approvals, `after` is also the way back. */
export type RolloutPhase = "before" | "asking" | "rollout" | "after";

export interface Progress {
  readonly phase: RolloutPhase;
  readonly stages: readonly StageProgress[];
  /** The candidate's share now, as read back from the router; null before the first shift. */
  readonly percent: number | null;
  readonly candidate: Reading | null;
  readonly stable: Reading | null;
  /** When the running stage's time is over; null where it has none. */
  readonly endsAtMs: number | null;
  /** The running weight waits for a person once its bake is over. */
  readonly byHand: boolean;
  /** A person ordered it to stay at its weight. */
  readonly paused: { readonly by: string; readonly reason: string; readonly atMs: number } | null;
  readonly waitingFor: { readonly missing: number; readonly planDigest: string } | null;
  readonly plan: Plan | null;
  readonly digest: string | null;
}

interface Detail {
  readonly percent?: number;
  readonly shifted?: boolean;
  readonly backOn?: string | null;
  readonly candidate?: Reading | null;
  readonly stable?: Reading | null;
  readonly tookMs?: number;
  readonly failure?: unknown;
  readonly plan?: Plan;
  readonly digest?: string;
  readonly waitingForApproval?: boolean;
  readonly missing?: number;
  readonly planDigest?: string;
}

interface Entry {
  readonly step: string;
  readonly key: string;
  name: string;
  state: "done" | "running" | "failed";
  startedAtMs: number;
  tookMs: number | null;
  percent: number | null;
}

type Timing = Pick<EnvironmentSettings, "rollout" | "observation">;

export function progressOf(events: readonly DeploymentEvent[], settings: Timing, ended: boolean): Progress {
  const entries: Entry[] = [];
  let facts = nothingYet;
  for (const event of events) {
    const detail = (event.detail ?? {}) as Detail;
    // What people do is told, but is no stage.
    if (event.actor !== null) {
      facts = { ...facts, ...orderFacts(event) };
      continue;
    }
    noteEntry(entries, event, detail);
    facts = { ...facts, ...trafficFacts(detail), ...planFacts(event, detail) };
  }
  const running = entries.findLast(({ state }) => state === "running");
  const stages = [...entries.map(shown), ...(ended ? [] : ahead(entries, facts.plan, settings))];
  const waitingFor = ended ? null : facts.waitingFor;
  const phase = waitingFor ? "asking" : phaseOf(entries);
  return { ...facts, waitingFor, phase, stages, ...(running ? endOf(running, settings) : noEnd) };
}

function phaseOf(entries: readonly Entry[]): RolloutPhase {
  if (entries.at(-1)?.step === "rollout") return "rollout";
  return entries.some(({ step }) => step === "rollout") ? "after" : "before";
}

type Facts = Omit<Progress, "stages" | "endsAtMs" | "byHand" | "phase">;

const nothingYet: Facts = {
  ...{ percent: null, candidate: null, stable: null, waitingFor: null, plan: null, digest: null },
  paused: null,
};

/** The newest order counts: a promotion ends a pause as well. */
function orderFacts({ step, actor, atMs, detail }: DeploymentEvent): Partial<Facts> {
  if (step === "promote by hand" || step === "continue by hand") return { paused: null };
  if (step !== "pause by hand") return {};
  const { reason } = (detail ?? {}) as { readonly reason?: string };
  return { paused: { by: actor ?? "", reason: reason ?? "", atMs } };
}

/** A change of weight begins a new count. */
function trafficFacts({ shifted, percent, backOn, candidate, stable }: Detail): Partial<Facts> {
  if (backOn !== undefined) return { percent: 0, candidate: null, stable: null };
  if (shifted && percent !== undefined) return { percent, candidate: null, stable: null };
  return candidate ? { candidate, stable: stable ?? null } : {};
}

function planFacts({ step, phase }: DeploymentEvent, detail: Detail): Partial<Facts> {
  const { plan, digest, waitingForApproval, missing, planDigest } = detail;
  if (waitingForApproval) return { waitingFor: { missing: missing ?? 1, planDigest: planDigest ?? "" } };
  if (plan) return { plan, digest: digest ?? null };
  return phase === "begin" && step !== "approve" ? { waitingFor: null } : {};
}

const shown = ({ name, state, startedAtMs, tookMs }: Entry): StageProgress => ({ name, state, startedAtMs, tookMs });

/** A step that a second process runs again goes on where it began: its time counts from the first beginning. */
function noteEntry(entries: Entry[], event: DeploymentEvent, detail: Detail): void {
  const { step, phase, key, atMs } = event;
  const known = entries.findLast((entry) => entry.step === step && (phase === "progress" || entry.key === key));
  if (phase === "begin" || (step === "approve" && known === undefined)) {
    finishApproval(entries, atMs);
    if (known) Object.assign(known, { state: "running", tookMs: null });
    else entries.push({ step, key, name: step, state: "running", startedAtMs: atMs, tookMs: null, percent: null });
    return;
  }
  if (known) Object.assign(known, changeOf(event, detail, known));
}

function changeOf(
  { step, phase, atMs }: DeploymentEvent,
  { failure, tookMs, percent }: Detail,
  known: Entry,
): Partial<Entry> {
  const weight = step === "rollout" && percent !== undefined ? { name: `${percent} %`, percent } : {};
  const end =
    phase === "end"
      ? { state: failure ? ("failed" as const) : ("done" as const), tookMs: tookMs ?? atMs - known.startedAtMs }
      : {};
  return { ...weight, ...end };
}

/** Waiting for people has no end of its own in the story: the next stage's beginning is it. */
function finishApproval(entries: readonly Entry[], atMs: number): void {
  const approval = entries.find(({ step, state }) => step === "approve" && state === "running");
  if (approval) Object.assign(approval, { state: "done", tookMs: atMs - approval.startedAtMs });
}

type End = Pick<Progress, "endsAtMs" | "byHand">;

const noEnd: End = { endsAtMs: null, byHand: false };

function endOf({ step, startedAtMs, percent }: Entry, { rollout, observation }: Timing): End {
  if (step === "observe") return { ...noEnd, endsAtMs: startedAtMs + observation.durationMs };
  // Where a control stays on the stable version, the last step bakes at less than it says.
  const bake = rollout.steps.find((each) => each.percent === percent || bakedPercent(each, rollout, true) === percent);
  if (step !== "rollout" || bake === undefined) return noEnd;
  return { endsAtMs: startedAtMs + rollout.settleMs + bake.bakeMs, byHand: bake.promote === "by-hand" };
}

/** What the plan names after the last stage that began: an earlier one that left no trace had nothing to do. */
function ahead(entries: readonly Entry[], plan: Plan | null, { rollout }: Timing): readonly StageProgress[] {
  const names = (plan?.steps ?? []).map(({ stage }) => stage);
  const reached = Math.max(-1, ...entries.map(({ step }) => names.indexOf(step)));
  // The weights of an adaptive ramp follow from the traffic: only its end is known beforehand.
  const known = plan?.replaces && rollout.strategy !== "adaptive" ? rollout.steps : rollout.steps.slice(-1);
  const weights = weightsAhead(
    entries,
    known.map((step) => ({ ...step, baked: bakedPercent(step, rollout, true) })),
  );
  return names
    .flatMap((name, at) => (name === "rollout" ? (at < reached ? [] : weights) : at > reached ? [name] : []))
    .map((name) => ({ name, state: "ahead", startedAtMs: null, tookMs: null }));
}

function weightsAhead(
  entries: readonly Entry[],
  steps: readonly { readonly percent: number; readonly baked: number }[],
): readonly string[] {
  const reached = Math.max(0, ...entries.map(({ percent }) => percent ?? 0));
  const left = steps.filter(({ baked }) => baked > reached).map(({ percent }) => `${percent} %`);
  // A step that has begun and not yet shifted is shown as running.
  return entries.some(({ step, percent }) => step === "rollout" && percent === null) ? left.slice(1) : left;
}
