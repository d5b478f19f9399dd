/** The last line while a deployment runs: what it does now, and, while traffic is shifted, the numbers that decide. */
import { humanDuration } from "../../domain/duration.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import type { Progress } from "./progress.ts";
import { clip, number, plural } from "./text.ts";
import { bar, countdown, readingText } from "./words.ts";

const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

export function liveLine(progress: Progress, nowMs: number, columns: number): string {
  const running = progress.stages.findLast(({ state }) => state === "running");
  if (running === undefined) return "";
  const spinner = paint.cyan(frames[Math.floor(nowMs / 100) % frames.length] ?? " ");
  const text = isWatched(progress) ? trafficLine(progress, nowMs) : plainLine(progress, running, nowMs);
  return clip(`  ${spinner} ${text}`, columns - 1);
}

const isWatched = ({ percent, endsAtMs }: Progress): boolean => percent !== null && endsAtMs !== null;

function plainLine({ waitingFor }: Progress, running: Progress["stages"][number], nowMs: number): string {
  const seconds = Math.floor((nowMs - (running.startedAtMs ?? nowMs)) / 1_000);
  const since = seconds < 1 ? "" : `  ${paint.dim(humanDuration(seconds * 1_000))}`;
  const what = waitingFor ? `waiting for ${plural(waitingFor.missing, "more approval")}` : running.name;
  return what + since;
}

/** `50 % █████░░░░░ 1,204 requests · 0 failed · stable 0 failed · next step in 42 s` */
export function trafficLine(progress: Progress, nowMs: number): string {
  const { percent, candidate, stable } = progress;
  const counted = candidate ? [readingText(candidate)] : ["no requests counted yet"];
  const beside =
    stable && stable.requests > 0 ? [`stable ${number(stable.errors)} of ${number(stable.requests)} failed`] : [];
  const next = whatNext(progress, nowMs);
  return [`${paint.bold(`${percent ?? 0} %`)} ${bar(percent ?? 0)} ${counted.join()}`, ...beside, ...next].join(" · ");
}

function whatNext(progress: Progress, nowMs: number): readonly string[] {
  const { endsAtMs, byHand, paused } = progress;
  if (paused) return [`paused by ${stripControl(paused.by)}`];
  if (endsAtMs === null) return [];
  if (byHand && endsAtMs <= nowMs) return ["waits to be promoted by a person"];
  return [`${nextWord(progress)} ${inTime(endsAtMs - nowMs)}`];
}

const inTime = (ms: number): string => (ms <= 0 ? "when it is decided" : `in ${countdown(ms)}`);

function nextWord({ stages }: Progress): string {
  const ahead = stages.find(({ state }) => state === "ahead");
  if (ahead === undefined) return "done";
  return ahead.name.endsWith("%") ? `next step (${ahead.name})` : ahead.name;
}
