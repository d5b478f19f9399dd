/**
 * The comparison of a rollout as text: the verdict, the evidence against its threshold, both versions side by side, what bounds
 * the excess, and what is not known. Pure: facts and a width in, lines out. What is unknown is never drawn as good.
 */
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { clip, hanging, number, plural } from "./text.ts";
import { glyph, type Tone, tint } from "./words.ts";

export interface ArmStatus {
  readonly version: string;
  /** Over the whole rollout so far, in closed buckets. */
  readonly requests: number;
  readonly failed: number;
  /** At the present weight; null where it is not known. */
  readonly p95Ms: number | null;
}

/** Evidence as natural logarithms; null where no metric decides. */
export interface VerdictStatus {
  readonly mode: string;
  readonly kind: "rollback" | "hold" | "good" | "undecided";
  readonly reason: string;
  readonly logE: number | null;
  readonly threshold: number;
  readonly holdLogE: number | null;
  readonly holdThreshold: number;
  readonly candidate: ArmStatus;
  readonly stable: ArmStatus;
  /** At most so many more of the candidate's requests fail, 0 to 1; null where nothing bounds it yet. */
  readonly excessUpperBound: number | null;
  /** How sure that bound is, 0 to 1. */
  readonly boundConfidence: number;
  readonly metrics: readonly { readonly name: string; readonly advisory: boolean; readonly logE: number | null }[];
  readonly unknown: readonly { readonly name: string; readonly reason: string; readonly advisory: boolean }[];
  readonly remarks: readonly string[];
}

const label = (text: string): string => paint.dim(text.padEnd(13));

/** `3.2`, `0.04`, `10^9`: e to the power of `logE`, short enough to be read. */
export function odds(logE: number | null): string {
  if (logE === null) return "none";
  if (logE < Math.log(0.01)) return "under 0.01";
  if (logE >= Math.log(1e6)) return `10^${Math.floor(logE / Math.LN10)}`;
  const value = Math.exp(logE);
  return value < 1 ? value.toFixed(2) : number(Number(value.toPrecision(value < 100 ? 2 : 3)));
}

/** Something that decides is not known: then nothing may look settled. */
const isBlind = ({ unknown }: VerdictStatus): boolean => unknown.some(({ advisory }) => !advisory);

const tones: Readonly<Record<VerdictStatus["kind"], Tone>> = {
  rollback: "bad",
  hold: "warn",
  good: "ok",
  undecided: "info",
};

const kindWords: Readonly<Record<VerdictStatus["kind"], string>> = {
  rollback: "worse",
  hold: "different, so it is held",
  good: "proven good",
  undecided: "not decided yet",
};

function headWords(verdict: VerdictStatus): string {
  const { kind, reason, mode } = verdict;
  const blind = kind === "undecided" && isBlind(verdict);
  const words = blind ? tint("warn", "not known") : tint(tones[kind], kindWords[kind]);
  const mark = blind ? tint("warn", "?") : glyph(tones[kind]);
  const advises = mode === "advisory" ? paint.dim(" (only advises)") : "";
  return `${mark} ${words}${advises}: ${stripControl(reason)}`;
}

const widestBar = 30;

/** From no evidence to the threshold. Hatched where it stands still since something is not known. */
function evidenceBar(verdict: VerdictStatus, columns: number): string {
  const { logE, threshold, holdLogE, holdThreshold } = verdict;
  const room = columns - 13 - 32;
  const cells = Math.max(6, Math.min(widestBar, Number.isFinite(room) ? room : widestBar));
  const full = logE === null ? 0 : Math.round(Math.min(1, Math.max(0, logE / threshold)) * cells);
  const held = holdLogE !== null && holdLogE >= holdThreshold;
  const tone: Tone = logE !== null && logE >= threshold ? "bad" : held || full > 0 ? "warn" : "info";
  const rest = paint.dim((isBlind(verdict) || logE === null ? "╱" : "░").repeat(cells - full));
  return `${tint(tone, "█".repeat(full))}${rest}`;
}

const limitWords = ({ threshold, mode }: VerdictStatus): string =>
  `of ${odds(threshold)}${mode === "advisory" ? "" : ", which takes it back"}`;

const rateText = (failed: number, requests: number): string =>
  failed === 0 ? "0 %" : `${((100 * failed) / requests).toPrecision(2)} %`;

function armText({ version, requests, failed, p95Ms }: ArmStatus): string {
  const name = stripControl(version);
  if (requests === 0) return `${name}  ${tint("warn", "no requests counted yet, so nothing is known")}`;
  const counted = `${number(failed)} of ${plural(requests, "request")} failed (${rateText(failed, requests)})`;
  const p95 =
    p95Ms === null ? paint.dim("p95 not known") : `p95 ${p95Ms < 10 ? p95Ms.toFixed(1) : Math.round(p95Ms)} ms`;
  return `${name}  ${failed > 0 ? counted.replace(/^\S+/, (count) => tint("bad", count)) : counted} · ${p95}`;
}

function boundText({ excessUpperBound, boundConfidence, stable }: VerdictStatus): string {
  if (excessUpperBound === null || excessUpperBound >= 1) return paint.dim("nothing bounds its failures yet");
  const points = (100 * excessUpperBound).toFixed(excessUpperBound < 0.01 ? 2 : 1);
  const sure = paint.dim(`(${Math.round(100 * boundConfidence)} % sure)`);
  return `at most ${points} points more failures than ${stripControl(stable.version)} ${sure}`;
}

const metricText = ({ name, advisory, logE }: VerdictStatus["metrics"][number]): string =>
  `${stripControl(name)} ${odds(logE)}${advisory ? paint.dim(" (only advises)") : ""}`;

export function verdictLines(verdict: VerdictStatus, columns: number): readonly string[] {
  const evidence = `${evidenceBar(verdict, columns)} ${paint.bold(odds(verdict.logE))} ${limitWords(verdict)}`;
  return [
    ...hanging(label("verdict"), headWords(verdict), columns),
    `${label("evidence")}${evidence}`,
    `${label("candidate")}${armText(verdict.candidate)}`,
    `${label("stable")}${armText(verdict.stable)}`,
    `${label("bound")}${boundText(verdict)}`,
    ...hanging(label("metrics"), verdict.metrics.map(metricText).join(" · "), columns),
    ...verdict.unknown.flatMap(({ name, reason, advisory }) =>
      hanging(
        label("not known"),
        `${tint("warn", stripControl(name))}: ${stripControl(reason)}${advisory ? " (only advises)" : ""}`,
        columns,
      ),
    ),
    ...verdict.remarks.flatMap((remark) => hanging(label("fixed"), stripControl(remark), columns)),
  ].map((line) => clip(line, columns));
}

/** The same in one line, for where lines are appended. */
export function verdictBrief(verdict: VerdictStatus): string {
  const { kind, logE, candidate, stable } = verdict;
  const arm = (name: string, { failed, requests }: ArmStatus): string =>
    requests === 0 ? `${name} no requests yet` : `${name} ${number(failed)} of ${number(requests)} failed`;
  const words = kind === "undecided" && isBlind(verdict) ? "not known" : kindWords[kind];
  return `${words} · evidence ${odds(logE)} ${limitWords(verdict)} · ${arm("candidate", candidate)} · ${arm("stable", stable)}`;
}
