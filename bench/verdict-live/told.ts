/** How verdict-live's measurements are told: a line for each deployment, a table of rows, and the figures that were promised. */
import type { Figure } from "../router-throughput.ts";
import { markdownOf } from "../verdict/table.ts";
import { median } from "../whole-process.ts";
import type { Measured } from "./measured.ts";
import { answersInMs, type Row, stableFailures } from "./rows.ts";

export const settingsWords = (requestsPerSecond: number, historySeconds: number): string =>
  [
    `${requestsPerSecond} requests a second, open loop; the stable version fails 1 in ${1 / stableFailures} and answers in ${answersInMs} ms on average;`,
    `it has served for ${historySeconds} s. Settings are the defaults of sluice.yaml (buckets of 5 s, grace 2 s, warm-up 60 s, false alarms`,
    "1 %, budget 50, reaction 10 s, soak 60 s), except what a row names; no approvals, no database, nothing kept afterwards.",
  ].join("\n");

const seconds = (value: number | null): string => (value === null ? "never" : `${value.toFixed(1)} s`);

/** One line while it runs. */
export function storyOf(measured: Measured): string {
  const { row, version, outcome, detectionSeconds, backMs, readBackMs, exposed, failedThere, failedInAll } = measured;
  const weights = measured.weights.map(({ percent, afterSeconds }) => `${percent} % at ${afterSeconds.toFixed(0)} s`);
  const back =
    backMs === null ? "" : `, ${backMs.toFixed(0)} ms later back, read back after ${readBackMs?.toFixed(0)} ms`;
  return [
    `${row} (${version}): ${outcome}; noticed after ${seconds(detectionSeconds)}${back};`,
    `  it met ${exposed}, of which ${failedThere} failed; ${failedInAll} failed in all, p99 ${measured.p99Ms.toFixed(0)} ms; ${weights.join(", ")}`,
    ...(measured.reason === null ? [] : [`  ${measured.reason}`]),
  ].join("\n");
}

const head = [
  "Release",
  "Rule",
  "Runs",
  "Outcome",
  "Noticed after",
  "Requests it met",
  "Of these failed",
  "Failed in all",
  "Verdict to weight",
  "To 95 % / 100 %",
];

const faultWords = {
  dead: "every request fails",
  half: "half of them fail",
  "5x": "2.5 % fail",
  slow: "twice as slow",
  healthy: "healthy",
} as const;

export function tableOf(rows: readonly Row[], all: readonly Measured[]): string {
  const shortened = rows.flatMap((row) => (row.shortened ? [`${row.name}: ${row.shortened}`] : []));
  return markdownOf({
    title: "Whole deployments at 500 requests a second",
    head,
    rows: rows.map((row) =>
      cellsOf(
        row,
        all.filter((measured) => measured.row === row.name),
      ),
    ),
    note: [
      "Median, and the smallest and largest where there are several runs. “Failed in all”: by the clients, from the first weight until",
      "the stable version was read back alone, its own failures included. “Verdict to weight”: from the event of the verdict until",
      `the router had the stable version alone.${shortened.length === 0 ? "" : ` Shortened: ${shortened.join("; ")}.`}`,
    ].join("\n"),
    figures: [],
  });
}

function cellsOf(row: Row, mine: readonly Measured[]): readonly string[] {
  const spread = (value: (measured: Measured) => number | null, digits: number, unit: string): string => {
    const known = mine.flatMap((measured) => value(measured) ?? []);
    if (known.length < mine.length || known.length === 0) return known.length === 0 ? "–" : "not always";
    const [least, most] = [Math.min(...known).toFixed(digits), Math.max(...known).toFixed(digits)];
    const middle = median(known).toFixed(digits);
    return `${middle}${least === most ? "" : ` (${least} to ${most})`}${unit}`;
  };
  const outcomes = [...new Set(mine.map(({ outcome }) => outcome))].join(", ");
  const noticed = spread(({ detectionSeconds }) => detectionSeconds, 1, " s");
  const full = [spread((m) => m.toControlSeconds, 0, ""), spread((m) => m.toFullSeconds, 0, " s")];
  return [
    `${faultWords[row.fault]}${row.shortened ? " *" : ""}`,
    row.rule,
    String(mine.length),
    outcomes,
    noticed === "–" && row.fault !== "healthy" ? "never" : noticed,
    spread(({ exposed }) => exposed, 0, ""),
    spread(({ failedThere }) => failedThere, 0, ""),
    spread(({ failedInAll }) => failedInAll, 0, ""),
    spread(({ backMs }) => backMs, 0, " ms"),
    full.every((cell) => cell.startsWith("–")) ? "–" : full.join(" / "),
  ];
}

type Of = "median" | "worst" | "p99";

const pick: Readonly<Record<Of, (values: readonly number[]) => number>> = {
  median,
  worst: (values) => Math.max(...values),
  p99: (values) => values.toSorted((a, b) => a - b)[Math.ceil(0.99 * values.length) - 1] ?? Number.NaN,
};

/** Goals of the verdict; rows that did not run promise nothing. */
export function figuresOf(all: readonly Measured[]): readonly Figure[] {
  const of = (row: string, value: (measured: Measured) => number | null): readonly number[] =>
    all.filter((measured) => measured.row === row).map((measured) => value(measured) ?? Number.POSITIVE_INFINITY);
  const figures: Figure[] = [];
  const tell = (what: string, values: readonly number[], unit: string, of: Of, limit?: number) => {
    if (values.length === 0) return;
    const told = values.length === 1 ? what : `${what}, ${of} of ${values.length}`;
    figures.push({ what: told, value: pick[of](values), unit, ...(limit !== undefined && { limit }) });
  };
  const failedThere = ({ outcome, failedThere: failed }: Measured) => (outcome === "rolled-back" ? failed : null);
  const exposed = ({ outcome, exposed: met }: Measured) => (outcome === "rolled-back" ? met : null);
  tell("dead release, adaptive ramp: requests it failed", of("dead-adaptive", failedThere), "", "worst", 40);
  tell("  with buckets of 1 s", of("dead-adaptive-1s", failedThere), "", "worst", 40);
  tell("  at fixed 5 %", of("dead-fixed", failedThere), "", "worst");
  tell("five times the failures, adaptive: requests it met", of("5x-adaptive", exposed), "", "median", 800);
  tell("  without a warm-up", of("5x-adaptive-cold", exposed), "", "median");
  tell("  at fixed 5 %", of("5x-fixed", exposed), "", "median");
  tell("  at fixed 5 %, no warm-up, dispersion 1", of("5x-fixed-cold", exposed), "", "median", 800);
  const toControl = of("healthy-adaptive", (measured) => measured.toControlSeconds);
  tell("healthy release, adaptive: to 95 % with its control", toControl, "s", "median", 180);
  tell(
    "  to 100 %",
    of("healthy-adaptive", (measured) => measured.toFullSeconds),
    "s",
    "median",
  );
  const known = (value: (measured: Measured) => number | null) => all.flatMap((measured) => value(measured) ?? []);
  const back = known(({ backMs }) => backMs);
  tell("verdict to weight on the router", back, "ms", "median");
  tell("verdict to weight on the router", back, "ms", "p99", 100);
  tell(
    "last bucket readable to verdict",
    known(({ lookMs }) => lookMs),
    "ms",
    "median",
  );
  const falseAlarms = all.filter(({ row, outcome }) => row.startsWith("healthy") && outcome !== "succeeded").length;
  if (all.some(({ row }) => row.startsWith("healthy")))
    figures.push({ what: "healthy releases that did not succeed", value: falseAlarms, unit: "", limit: 0 });
  return figures;
}
