/** W1: what is where, and one deployment in detail, as text. Pure: rows and a time in, lines out. */
import { humanDuration } from "../../domain/duration.ts";
import type { Failure } from "../../domain/errors.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { trafficLine } from "./live-line.ts";
import type { Progress, StageProgress } from "./progress.ts";
import { clip, hanging, table, timestamp, widthOf } from "./text.ts";
import { type VerdictStatus, verdictBrief, verdictLines } from "./verdict-text.ts";
import { ago, briefOutcome, glyph, outcomeWords, readingText } from "./words.ts";

export interface EnvironmentStatus {
  readonly environment: string;
  readonly serving: { readonly version: string; readonly sinceMs: number; readonly by: string | null } | null;
  readonly lock: {
    readonly kind: "deployment" | "manual";
    readonly heldBy: string;
    readonly deployment: string;
    readonly reason: string;
    readonly sinceMs: number;
  } | null;
  readonly last: {
    readonly id: string;
    readonly version: string;
    readonly state: string;
    readonly outcome: Outcome | null;
    readonly atMs: number;
  } | null;
}

export function gridText(environments: readonly EnvironmentStatus[], nowMs: number, columns: number): string {
  const header = ["environment", "serves", "since", "by", "last deployment", "lock"].map((text) => paint.dim(text));
  const rows = environments.map(({ environment, serving, last, lock }) => [
    paint.bold(environment),
    serving ? serving.version : paint.dim("nothing"),
    serving ? ago(nowMs - serving.sinceMs) : "–",
    serving?.by ?? "–",
    last ? `${last.version} ${briefOutcome(last)} ${paint.dim(ago(nowMs - last.atMs))}` : paint.dim("none yet"),
    lockText(lock, nowMs),
  ]);
  return table([header, ...rows], columns).join("\n");
}

export function lockText(lock: EnvironmentStatus["lock"], nowMs: number): string {
  if (lock === null) return paint.dim("free");
  const since = paint.dim(ago(nowMs - lock.sinceMs));
  return lock.kind === "manual"
    ? `${glyph("warn")} ${lock.heldBy}: ${stripControl(lock.reason)} ${since}`
    : `${lock.deployment} (${lock.heldBy}) ${since}`;
}

export interface DeploymentStatus {
  readonly id: string;
  readonly kind: "deploy" | "rollback";
  readonly environment: string;
  readonly version: string;
  readonly state: string;
  readonly outcome: Outcome | null;
  readonly startedBy: string;
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly runner: { readonly host: string; readonly pid: number; readonly alive: boolean } | null;
  readonly cancelRequested: { readonly by: string; readonly reason: string } | null;
  readonly progress: Progress;
  /** The comparison with the stable version; null where there is none, or not any more. */
  readonly verdict: VerdictStatus | null;
  readonly approvals: {
    readonly required: number;
    readonly votes: readonly { readonly by: string; readonly decision: string; readonly proof: string }[];
  };
  readonly undelivered: readonly {
    readonly channel: string;
    readonly title: string;
    readonly error: string | null;
    readonly givenUp: boolean;
  }[];
  readonly failure: Failure | null;
  readonly servesNow: string | null;
  readonly folder: string | null;
}

const label = (text: string): string => paint.dim(text.padEnd(13));

export function deploymentText(status: DeploymentStatus, nowMs: number, columns: number): string {
  return [
    headLine(status, nowMs, columns),
    ...whoLines(status, columns),
    ...stageLines(status.progress.stages, nowMs, columns),
    ...trafficLines(status, nowMs, columns),
    ...steeringLines(status, columns),
    ...(status.verdict ? verdictLines(status.verdict, columns) : []),
    ...peopleLines(status, columns),
    ...endLines(status, columns),
  ].join("\n");
}

function headLine(
  { id, version, environment, kind, outcome, state, createdAtMs, endedAtMs }: DeploymentStatus,
  nowMs: number,
  columns: number,
): string {
  const what = kind === "rollback" ? `rollback to ${version} in ${environment}` : `${version} to ${environment}`;
  const took = humanDuration(Math.max(0, (endedAtMs ?? nowMs) - createdAtMs));
  const how =
    outcome === null
      ? briefOutcome({ outcome, state })
      : `${glyph(outcome === "succeeded" ? "ok" : "bad")} ${outcomeWords[outcome]}`;
  return clip(`${paint.bold(what)}  ${how}  ${took}  ${paint.dim(id)}`, columns);
}

function whoLines(
  { startedBy, createdAtMs, runner, state, cancelRequested }: DeploymentStatus,
  columns: number,
): readonly string[] {
  const run =
    runner === null
      ? "no process runs it"
      : `process ${runner.pid} on ${runner.host}${runner.alive ? "" : ", which is gone"}`;
  const who = `by ${startedBy} at ${timestamp(createdAtMs)}${state === "ended" ? "" : `; ${run}`}`;
  const cancel = cancelRequested
    ? [`${label("cancel")}asked for by ${cancelRequested.by}: ${stripControl(cancelRequested.reason)}`]
    : [];
  return [clip(`${label("started")}${who}`, columns), ...cancel.map((line) => clip(line, columns))];
}

/** The pipeline as a line of stages with times, folded where the terminal ends. */
export function stageLines(stages: readonly StageProgress[], nowMs: number, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = label("stages");
  const indent = " ".repeat(13);
  for (const [at, stage] of stages.entries()) {
    const text = stageText(stage, nowMs) + (at === stages.length - 1 ? "" : paint.dim(" → "));
    if (widthOf(line) + widthOf(text) > columns && widthOf(line) > 13) {
      lines.push(line);
      line = indent;
    }
    line += text;
  }
  return stages.length === 0 ? [] : [...lines, line];
}

function stageText({ name, state, tookMs, startedAtMs }: StageProgress, nowMs: number): string {
  if (state === "ahead") return paint.dim(`○ ${name}`);
  if (state === "running")
    return `${paint.cyan("●")} ${paint.bold(name)} ${humanDuration(Math.max(0, nowMs - (startedAtMs ?? nowMs)))}`;
  const took = tookMs !== null && tookMs >= 100 ? paint.dim(` ${humanDuration(tookMs)}`) : "";
  return `${glyph(state === "done" ? "ok" : "bad")} ${name}${took}`;
}

function trafficLines({ progress, state }: DeploymentStatus, nowMs: number, columns: number): readonly string[] {
  if (progress.percent === null || state === "ended") return [];
  return [clip(`${label("traffic")}${trafficLine(progress, nowMs)}`, columns)];
}

function steeringLines({ progress: { paused }, state }: DeploymentStatus, columns: number): readonly string[] {
  if (paused === null || state === "ended") return [];
  const { by, reason, atMs } = paused;
  return hanging(label("paused"), stripControl(`by ${by} since ${timestamp(atMs)}: ${reason}`), columns);
}

function peopleLines({ approvals, undelivered, progress }: DeploymentStatus, columns: number): readonly string[] {
  const votes = approvals.votes.map(
    ({ by, decision, proof }) => `${by} ${decision === "approve" ? "approved" : "rejected"} (${proof})`,
  );
  const missing = progress.waitingFor
    ? [`${progress.waitingFor.missing} missing for plan ${progress.waitingFor.planDigest.slice(0, 12)}`]
    : [];
  const said = [...votes, ...missing].join(", ") || "nobody yet";
  return [
    ...(approvals.required > 0 || votes.length > 0
      ? hanging(label("approvals"), `${approvals.required} needed: ${said}`, columns)
      : []),
    ...undelivered.map(({ channel, title, error, givenUp }) =>
      clip(
        `${label(givenUp ? "given up" : "undelivered")}${channel}: ${stripControl(title)}${error ? ` (${stripControl(error)})` : ""}`,
        columns,
      ),
    ),
  ];
}

function endLines({ failure, servesNow, folder, state }: DeploymentStatus, columns: number): readonly string[] {
  if (state !== "ended") return [];
  return [
    ...(failure
      ? hanging(label("why"), `${stripControl(failure.message)} ${paint.dim(`(${failure.code})`)}`, columns)
      : []),
    ...(failure ? hanging(label("do"), stripControl(failure.hint), columns) : []),
    `${label("serves")}${servesNow ?? "nothing"}`,
    ...(folder ? [`${label("files")}${folder}`] : []),
  ];
}

/** In one line: how far it is, the weight, and the comparison. Without times, so that it only changes when something happens. */
export function deploymentBrief({ progress, verdict, state, outcome }: DeploymentStatus): string {
  const { percent, candidate, paused, stages } = progress;
  const now = stages.findLast((stage) => stage.state === "running")?.name ?? state;
  const counted = candidate ? [readingText(candidate)] : [];
  return [
    outcome === null ? now : outcomeWords[outcome],
    ...(percent === null || now === `${percent} %` ? [] : [`${percent} %`]),
    ...(paused ? [`paused by ${stripControl(paused.by)}`] : []),
    ...(verdict ? [verdictBrief(verdict)] : counted),
  ].join(" · ");
}

/** The one command that matters now. */
export function nextFor(status: DeploymentStatus, nowMs: number): string {
  const { id, environment, state, outcome, runner } = status;
  if (state === "ended") return outcome === "succeeded" ? `sluice history ${environment}` : `sluice record ${id}`;
  if (state === "quarantined") return `sluice cancel ${id} --release --reason "…"`;
  if (runner === null || !runner.alive) return `sluice resume ${id}`;
  return orderFor(status, nowMs);
}

/** What a person may have to say to it. */
function orderFor({ id, state, progress, verdict }: DeploymentStatus, nowMs: number): string {
  const { phase, paused, waitingFor, byHand, endsAtMs } = progress;
  if (waitingFor) return `sluice approve ${id}`;
  if (paused && phase === "rollout") return `sluice resume ${id}`;
  const waits = byHand && endsAtMs !== null && endsAtMs <= nowMs;
  const held = phase === "rollout" && verdict?.kind === "hold" && verdict.mode === "decides";
  return state === "waiting" || waits || held ? `sluice promote ${id} --reason "…"` : `sluice logs ${id} --follow`;
}
