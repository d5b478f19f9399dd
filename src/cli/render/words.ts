/** The vocabulary's words and glyphs, the same in every command (dashboard.md): state in words and shape, never by colour alone. */
import { humanDuration } from "../../domain/duration.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { paint } from "../output.ts";
import { number } from "./text.ts";

export type Tone = "info" | "ok" | "warn" | "bad";

const glyphs = { info: "·", ok: "✓", warn: "!", bad: "✗" } as const;

export function tint(tone: Tone, text: string): string {
  if (tone === "ok") return paint.green(text);
  if (tone === "bad") return paint.red(text);
  return tone === "warn" ? paint.yellow(text) : paint.dim(text);
}

export const glyph = (tone: Tone): string => tint(tone, glyphs[tone]);

export const outcomeWords: Readonly<Record<Outcome, string>> = {
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

/** In a table: the outcome, or what it does now. */
export function briefOutcome({ outcome, state }: { readonly outcome: Outcome | null; readonly state: string }): string {
  if (outcome === null) return state === "quarantined" ? tint("bad", state) : paint.cyan(state);
  const words = outcome.replaceAll("-", " ");
  if (outcome === "succeeded") return tint("ok", words);
  return tint(["cancelled", "expired", "superseded"].includes(outcome) ? "warn" : "bad", words);
}

export const ago = (ms: number): string => (ms < 1_000 ? "just now" : `${coarse(ms)} ago`);

/** One unit from a minute on: nobody reads the seconds of yesterday. */
function coarse(ms: number): string {
  if (ms >= 48 * 3_600_000) return `${Math.floor(ms / 86_400_000)} days`;
  if (ms >= 3_600_000) return humanDuration(Math.floor(ms / 60_000) * 60_000);
  if (ms >= 60_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 1_000)} s`;
}

/** Without a jumping fraction: it is redrawn several times a second. */
export const countdown = (ms: number): string => (ms <= 0 ? "now" : humanDuration(Math.ceil(ms / 1_000) * 1_000));

export function bar(percent: number, cells = 10): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * cells);
  return `${paint.yellow("█".repeat(full))}${paint.blue("░".repeat(cells - full))}`;
}

/** `1,204 requests · 0 failed`. */
export function readingText({ requests, errors }: { readonly requests: number; readonly errors: number }): string {
  const failed = `${number(errors)} failed`;
  return `${number(requests)} request${requests === 1 ? "" : "s"} · ${errors > 0 ? tint("bad", failed) : failed}`;
}
