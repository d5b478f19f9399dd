/**
 * A rollout's comparison as a picture: weight, error rates of both versions and the evidence against its threshold, over one
 * time axis. Plain SVG text without scripts or references, readable in light and dark; what is not known is hatched, never drawn
 * as good, and gaps stay gaps.
 */
import type { RateCounts } from "./canary/bucket.ts";
import type { EvidencePoint } from "./canary/replay.ts";
import { humanDuration } from "./duration.ts";
import { stripControl } from "./untrusted-text.ts";

export interface VerdictDrawing {
  readonly title: string;
  /** The verdict in a sentence. */
  readonly subtitle: string;
  readonly candidate: string;
  readonly stable: string;
  readonly points: readonly EvidencePoint[];
  /** What was read back from the router, in order of time. */
  readonly weights: readonly { readonly atMs: number; readonly percent: number }[];
  /** Natural logarithm of what the evidence must reach. */
  readonly threshold: number;
}

const width = 960;
const left = 70;
const right = width - 24;
/** More intervals than this could not be told apart: neighbours are drawn as one. */
const mostColumns = 430;

interface Panel {
  readonly title: string;
  readonly top: number;
  readonly height: number;
}

const panels = {
  weight: { title: "weight of the candidate", top: 130, height: 70 },
  rates: { title: "failed requests", top: 250, height: 170 },
  evidence: { title: "evidence that the candidate is worse", top: 470, height: 150 },
} as const satisfies Record<string, Panel>;
const height = 678;

type Scale = (value: number) => number;

/** Unpaired surrogates and control characters have no place in XML, wherever a name came from. */
export const escapeXml = (text: string): string =>
  stripControl(text.toWellFormed())
    .replace(/[\ufffe\uffff]/g, "")
    .replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const one = (value: number): string => String(Math.round(value * 10) / 10);
const clipped = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** Broken at the last blank that fits; what is left over after the second line is cut. */
function twoLines(text: string): readonly string[] {
  const most = 135;
  if (text.length <= most) return [text];
  const blank = text.lastIndexOf(" ", most);
  const at = blank > 0 ? blank : most;
  return [text.slice(0, at), clipped(text.slice(at).trimStart(), most)];
}

export function verdictSvg(drawing: VerdictDrawing): string {
  const { title, subtitle, points } = drawing;
  const columns = merged(points);
  const fromMs = points[0]?.startMs ?? 0;
  const toMs = Math.max(points.at(-1)?.endMs ?? 0, fromMs + 1);
  const x: Scale = (ms) => left + ((Math.min(toMs, Math.max(fromMs, ms)) - fromMs) / (toMs - fromMs)) * (right - left);
  const label = `${title}. ${subtitle}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(label)}">`,
    `<title>${escapeXml(title)}</title>`,
    `<desc>${escapeXml(subtitle)}</desc>`,
    style,
    `<defs><pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text class="head" x="${left}" y="34">${escapeXml(clipped(title, 90))}</text>`,
    ...twoLines(subtitle).map(
      (line, n) => `<text class="dim" x="${left}" y="${56 + 18 * n}">${escapeXml(line)}</text>`,
    ),
    legend(drawing),
    ...weightRules(drawing, x),
    ...weightPanel(drawing, x),
    ...ratesPanel(columns, x),
    ...evidencePanel(columns, drawing, x),
    ...timeAxis(fromMs, toMs, x),
    "</svg>",
  ].join("\n")}\n`;
}

/** Colours apart for colour-blind eyes, and the stable version dashed besides. */
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#1c2733}.head{font-size:18px;font-weight:600}.dim{fill:#5a6775}.num{font-variant-numeric:tabular-nums}
.paper{fill:#fff}.grid{stroke:#dfe4e9;fill:none}.rule{stroke:#9aa6b2;stroke-dasharray:2 4;fill:none}.hatch{stroke:#8894a0;stroke-width:1.5}
.stable{stroke:#3f6191;stroke-width:2;stroke-dasharray:6 3;fill:none}.candidate{stroke:#b26a00;stroke-width:2;fill:none}.limit{stroke:#c0391b;stroke-width:1.5;fill:none}.area{fill:#b26a00;fill-opacity:.15}
.bad{fill:#c0391b}
@media (prefers-color-scheme:dark){text{fill:#e4e9ee}.dim{fill:#9fabb7}.paper{fill:#14191f}.grid{stroke:#2b343d}.rule{stroke:#66727e}.hatch{stroke:#7a8691}.stable{stroke:#8fb3e6}.candidate{stroke:#f0a93c}.area{fill:#f0a93c}.limit{stroke:#ff7a5c}.bad{fill:#ff7a5c}}
</style>`;

function legend({ candidate, stable }: VerdictDrawing): string {
  const second = left + 300;
  const third = second + 300;
  return [
    `<path class="candidate" d="M${left} 96h28"/><text x="${left + 36}" y="100">${escapeXml(clipped(candidate, 28))} (candidate)</text>`,
    `<path class="stable" d="M${second} 96h28"/><text x="${second + 36}" y="100">${escapeXml(clipped(stable, 28))} (stable)</text>`,
    `<rect x="${third}" y="90" width="28" height="12" fill="url(#unknown)"/><text x="${third + 36}" y="100">not known</text>`,
  ].join("\n");
}

const frame = ({ title, top, height: tall }: Panel): readonly string[] => [
  `<text class="dim" x="${left}" y="${top - 10}">${escapeXml(title)}</text>`,
  `<path class="grid" d="M${left} ${top}H${right}M${left} ${top + tall}H${right}"/>`,
];

const tick = (y: number, text: string): string =>
  `<text class="dim num" text-anchor="end" x="${left - 8}" y="${one(y + 4)}">${escapeXml(text)}</text>`;

const weightRules = ({ weights }: VerdictDrawing, x: Scale): readonly string[] =>
  weights.map(({ atMs }) => `<path class="rule" d="M${one(x(atMs))} ${panels.weight.top}V${height - 50}"/>`);

function weightPanel({ weights, points }: VerdictDrawing, x: Scale): readonly string[] {
  const { top, height: tall } = panels.weight;
  const y: Scale = (percent) => top + tall - (percent / 100) * tall;
  const endMs = points.at(-1)?.endMs ?? 0;
  const line = weights.map(({ atMs, percent }) => `H${one(x(atMs))}V${one(y(percent))}`).join("");
  const path = `M${left} ${one(y(0))}${line}H${one(x(endMs))}`;
  const labels = weights
    .filter(({ percent }) => percent > 0)
    .map(
      ({ atMs, percent }) => `<text class="num" x="${one(x(atMs) + 4)}" y="${one(y(percent) - 4)}">${percent} %</text>`,
    );
  return [
    ...frame(panels.weight),
    ...[0, 100].map((percent) => tick(y(percent), `${percent} %`)),
    `<path class="area" d="${path}V${one(y(0))}H${left}Z"/>`,
    `<path class="candidate" d="${path}"/>`,
    ...labels,
  ];
}

interface Column {
  readonly startMs: number;
  readonly endMs: number;
  readonly logE: number | null;
  readonly candidate: RateCounts | null;
  readonly stable: RateCounts | null;
}

/** Counts are added up; of the evidence the highest is kept, so that a crossing of the threshold is never lost. */
function merged(points: readonly EvidencePoint[]): readonly Column[] {
  const size = Math.max(1, Math.ceil(points.length / mostColumns));
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, n) =>
    points.slice(n * size, (n + 1) * size),
  );
  return groups.map((group) => ({
    startMs: group[0]?.startMs ?? 0,
    endMs: group.at(-1)?.endMs ?? 0,
    logE: group.reduce<number | null>((most, { logE }) => (logE === null ? most : Math.max(most ?? logE, logE)), null),
    candidate: summed(group.map(({ candidate }) => candidate)),
    stable: summed(group.map(({ stable }) => stable)),
  }));
}

const summed = (parts: readonly (RateCounts | null)[]): RateCounts | null =>
  parts.reduce((sum, part) =>
    part === null ? sum : { events: (sum?.events ?? 0) + part.events, total: (sum?.total ?? 0) + part.total },
  );

/** Null: nobody came, or nobody knows; neither is a rate of 0. */
const rateOf = (counts: RateCounts | null): number | null =>
  counts === null || counts.total === 0 ? null : counts.events / counts.total;

/** A line of steps, one for each column; broken where there is no value. */
function steps(columns: readonly Column[], valueIn: (column: Column) => number | null, x: Scale, y: Scale): string {
  let open = false;
  let path = "";
  for (const column of columns) {
    const value = valueIn(column);
    if (value !== null) path += `${open ? "V" : `M${one(x(column.startMs))} `}${one(y(value))}H${one(x(column.endMs))}`;
    open = value !== null;
  }
  return path;
}

function ratesPanel(columns: readonly Column[], x: Scale): readonly string[] {
  const { top, height: tall } = panels.rates;
  const rates = columns.flatMap(({ candidate, stable }) => [rateOf(candidate) ?? 0, rateOf(stable) ?? 0]);
  const most = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((edge) => edge >= Math.max(0, ...rates)) ?? 1;
  const y: Scale = (rate) => top + tall - (rate / most) * tall;
  const unknown = columns.filter(({ candidate, stable }) => candidate === null || stable === null);
  return [
    ...frame(panels.rates),
    ...[0, most / 2, most].map((rate) => tick(y(rate), `${Number((100 * rate).toPrecision(2))} %`)),
    ...unknown.map(({ startMs, endMs }) => {
      const wide = one(x(endMs) - x(startMs));
      return `<rect x="${one(x(startMs))}" y="${top}" width="${wide}" height="${tall}" fill="url(#unknown)"/>`;
    }),
    `<path class="stable" d="${steps(columns, ({ stable }) => rateOf(stable), x, y)}"/>`,
    `<path class="candidate" d="${steps(columns, ({ candidate }) => rateOf(candidate), x, y)}"/>`,
  ];
}

/** Powers of ten: the lowest that is drawn, whatever speaks for the candidate, and how far beyond the threshold it goes. */
const lowestPower = -2;

function evidencePanel(columns: readonly Column[], { threshold }: VerdictDrawing, x: Scale): readonly string[] {
  const { top, height: tall } = panels.evidence;
  const needed = threshold / Math.LN10;
  const reached = columns.reduce((most, { logE }) => Math.max(most, (logE ?? 0) / Math.LN10), 0);
  const highest = Math.min(Math.max(needed + 1, Math.ceil(reached)), needed + 6);
  const y: Scale = (power) =>
    top + tall - ((Math.min(highest, Math.max(lowestPower, power)) - lowestPower) / (highest - lowestPower)) * tall;
  const value = ({ logE }: Column): number | null => (logE === null ? null : logE / Math.LN10);
  return [
    ...frame(panels.evidence),
    tick(y(lowestPower), "0.01"),
    tick(y(0), "1"),
    `<path class="grid" d="M${left} ${one(y(0))}H${right}"/>`,
    `<path class="limit" d="M${left} ${one(y(needed))}H${right}"/>`,
    `<text class="bad" text-anchor="end" x="${right}" y="${one(y(needed) - 5)}">threshold ${Math.round(Math.exp(threshold))}: back</text>`,
    `<path class="candidate" d="${steps(columns, value, x, y)}"/>`,
  ];
}

const niceSteps = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 21_600, 86_400].map((seconds) => seconds * 1_000);

function timeAxis(fromMs: number, toMs: number, x: Scale): readonly string[] {
  const every = niceSteps.find((step) => (toMs - fromMs) / step <= 9) ?? 86_400_000;
  const count = Math.min(40, Math.floor((toMs - fromMs) / every));
  const y = panels.evidence.top + panels.evidence.height + 20;
  return [
    ...Array.from({ length: count + 1 }, (_, n) => {
      const at = fromMs + n * every;
      const text = n === 0 ? "0" : `+${humanDuration(n * every)}`;
      return `<text class="dim num" text-anchor="middle" x="${one(x(at))}" y="${y}">${text}</text>`;
    }),
    `<text class="dim" x="${left}" y="${y + 22}">since ${new Date(fromMs).toISOString().slice(0, 19).replace("T", " ")} UTC</text>`,
  ];
}
