/** A deployment's events as people read them: one line each, in the order and words of the vocabulary; live where somebody watches. */
import { humanDuration } from "../domain/duration.ts";
import type { Failure } from "../domain/errors.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import type { Outcome } from "../domain/outcome.ts";
import { stripControl } from "../domain/redactor.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { type Caught, caughtWords } from "../domain/verdict-record.ts";
import { type Output, paint } from "./output.ts";
import { liveLine } from "./render/live-line.ts";
import { type Progress, progressOf } from "./render/progress.ts";
import { hanging } from "./render/text.ts";
import { glyph, outcomeWords } from "./render/words.ts";

export interface Ending {
  readonly version: string;
  readonly environment: string;
  readonly outcome: Outcome;
  readonly servesNow: string | null;
  readonly failure: Failure | null;
  /** What it cost to find out; null where nothing was compared or nothing taken back. */
  readonly caught: Caught | null;
  readonly folder: string | null;
}

export interface Story {
  /** Each event once, in order. `known`: the reader has seen it; it counts for the live line and is not told again. */
  tell(event: DeploymentEvent, known?: boolean): void;
  redraw(nowMs: number): void;
  close(): void;
}

/** @param beganAtMs of the deployment, by the ledger's clock: offsets are counted from it. */
export function openStory(output: Output, beganAtMs: number, settings: EnvironmentSettings): Story {
  const events: DeploymentEvent[] = [];
  let progress: Progress | undefined;
  const lineFor = eventLines(beganAtMs, () => output.columns());
  let drawn = false;
  const clear = () => {
    if (drawn) output.draw("\r\u001b[2K");
    drawn = false;
  };
  return {
    tell(event, known = false) {
      clear();
      events.push(event);
      progress = undefined;
      if (known) return;
      output.event({ type: "event", ...event }, lineFor(event));
    },
    redraw(nowMs) {
      if (!output.live) return;
      progress ??= progressOf(events, settings, false);
      const line = liveLine(progress, nowMs, output.columns());
      if (line === "") return clear();
      // One write: a terminal that paints between two would flicker.
      output.draw(`\r\u001b[2K${line}`);
      drawn = true;
    },
    close: clear,
  };
}

/** The lines of a whole story: what is said again and again, round by round, is said once. */
export function eventLines(beganAtMs: number, columns: () => number): (event: DeploymentEvent) => string | undefined {
  let last = "";
  return (event) => {
    const line = eventLine(event, beganAtMs, columns());
    if (line === undefined) return undefined;
    const said = `${event.step} ${event.phase} ${event.title}`;
    const again = event.phase === "progress" && said === last;
    last = said;
    return again ? undefined : line;
  };
}

/** `verify stable`, the longest name of a step. */
const longestStep = 13;

/** Begins are for the live line; repeated good rounds are noise in a log, so only changes of weight and bad news are told. */
export function eventLine(event: DeploymentEvent, beganAtMs: number, columns: number): string | undefined {
  if (event.phase === "begin") return undefined;
  const detail = (event.detail ?? {}) as {
    readonly verdict?: string;
    readonly tookMs?: number;
    readonly plan?: object;
  };
  // A plan is announced in full for programs; people have read its summary one line above.
  if (event.phase === "progress" && (detail.verdict === "pass" || detail.plan !== undefined)) return undefined;
  const offset = `+${((event.atMs - beganAtMs) / 1000).toFixed(1)}s`.padStart(8);
  const step = event.step.padEnd(longestStep);
  const name = event.phase === "end" ? paint.bold(step) : paint.dim(step);
  const took =
    event.phase === "end" && (detail.tookMs ?? 0) >= 100 ? paint.dim(`  ${humanDuration(detail.tookMs ?? 0)}`) : "";
  return hanging(
    `${paint.dim(offset)} ${glyph(event.tone)} ${name} `,
    `${stripControl(event.title)}${took}`,
    columns,
  ).join("\n");
}

export function endingText(
  { version, environment, outcome, servesNow, failure, caught, folder }: Ending,
  columns: number,
): string {
  const good = outcome === "succeeded";
  const head = `${glyph(good ? "ok" : "bad")} ${paint.bold(`${version} in ${environment}: ${outcomeWords[outcome]}`)}`;
  const why = failure
    ? [
        ...hanging(
          paint.dim("  why      "),
          `${stripControl(failure.message)} ${paint.dim(`(${failure.code})`)}`,
          columns,
        ),
        ...evidenceLines(failure, columns),
        ...hanging(paint.dim("  do       "), stripControl(failure.hint), columns),
      ]
    : [];
  const cost = caught ? hanging(paint.dim("  caught   "), caughtWords(caught), columns) : [];
  const files = folder ? [`${paint.dim("  files    ")}${folder}`] : [];
  return ["", head, ...why, ...cost, `${paint.dim("  serves   ")}${servesNow ?? "nothing"}`, ...files].join("\n");
}

const evidenceShown = 6;

/** The last lines that the failed thing wrote: at 3 a.m. nobody wants to open a file for them. */
function evidenceLines({ evidence }: Failure, columns: number): readonly string[] {
  const lines = stripControl(evidence ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.slice(-evidenceShown).flatMap((line) => hanging(paint.dim("           │ "), line, columns));
}
