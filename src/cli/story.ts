/** A deployment's events as people read them: one line each, in the order and words of the vocabulary; live where somebody watches. */
import { humanDuration } from "../domain/duration.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import type { Failure } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import { stripControl } from "../domain/redactor.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import { type Output, paint } from "./output.ts";

export interface Ending {
  readonly version: string;
  readonly environment: string;
  readonly outcome: Outcome;
  readonly servesNow: string | null;
  readonly failure: Failure | null;
  readonly folder: string | null;
}

const glyphs = { info: "·", ok: "✓", warn: "!", bad: "✗" } as const;

export function openStory(output: Output) {
  let drawn = false;
  let current = "";
  const clear = () => {
    if (drawn) output.draw("\r\u001b[2K");
    drawn = false;
  };
  return {
    tell(event: DeploymentEvent, row: DeploymentRow) {
      clear();
      if (event.phase === "begin") current = event.title;
      output.event({ type: "event", ...event }, lineOf(event, row));
    },
    redraw(row: DeploymentRow, nowMs: number) {
      if (!output.live || current === "") return;
      clear();
      const text = `  ${frame(nowMs)} ${current}  ${humanDuration(nowMs - row.createdAtMs)}`;
      output.draw(paint.dim(text.slice(0, output.columns - 1)));
      drawn = true;
    },
    close: clear,
    ending: endingText,
  };
}

const frame = (nowMs: number): string => "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[Math.floor(nowMs / 100) % 10] ?? " ";

/** Begins are for the live line; repeated good rounds are noise in a log, so only changes of weight and bad news are told. */
function lineOf(event: DeploymentEvent, row: DeploymentRow): string | undefined {
  if (event.phase === "begin") return undefined;
  const detail = event.detail as { readonly verdict?: string; readonly shifted?: boolean };
  if (event.phase === "progress" && detail.verdict === "pass") return undefined;
  const offset = `+${((event.atMs - row.createdAtMs) / 1000).toFixed(1)}s`.padStart(8);
  const glyph = tint(event.tone, glyphs[event.tone]);
  const name = event.phase === "end" ? paint.bold(event.step.padEnd(10)) : paint.dim(event.step.padEnd(10));
  return `${paint.dim(offset)} ${glyph} ${name} ${stripControl(event.title)}`;
}

function tint(tone: DeploymentEvent["tone"], text: string): string {
  if (tone === "ok") return paint.green(text);
  if (tone === "bad") return paint.red(text);
  return tone === "warn" ? paint.yellow(text) : paint.dim(text);
}

const outcomeWords: Readonly<Record<Outcome, string>> = {
  succeeded: "succeeded",
  failed: "failed before any traffic moved",
  refused: "refused; nothing was touched",
  "rolled-back": "rolled back",
  "rollback-failed": "ROLLBACK FAILED, a person is needed",
  undecided: "undecided, so traffic went back",
  quarantined: "quarantined, a person is needed",
  cancelled: "cancelled",
  expired: "expired",
  superseded: "superseded by a newer release",
};

function endingText({ version, environment, outcome, servesNow, failure, folder }: Ending): string {
  const good = outcome === "succeeded";
  const head = `${good ? paint.green("✓") : paint.red("✗")} ${paint.bold(`${version} in ${environment}: ${outcomeWords[outcome]}`)}`;
  const why = failure ? [`  why      ${stripControl(failure.message)} ${paint.dim(`(${failure.code})`)}`, `  do       ${stripControl(failure.hint)}`] : [];
  return ["", head, ...why, `  serves   ${servesNow ?? "nothing"}`, ...(folder ? [`  files    ${folder}`] : [])].join("\n");
}
