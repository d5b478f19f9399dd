/** The answers of Prometheus as counters of single processes, each reading with what speaks against it. */
import type { CounterSample, Grid } from "../../domain/metric-counters.ts";
import type { Series } from "./range-query.ts";

export interface Sampling {
  readonly grid: Grid;
  readonly processLabels: readonly string[];
  readonly scrapeIntervalMs: number;
}

export type ProcessSamples =
  | {
      readonly kind: "samples";
      readonly edgesMs?: undefined;
      readonly processes: ReadonlyMap<string, readonly CounterSample[]>;
    }
  | { readonly kind: "fault"; readonly reason: string };

const fault = (reason: string): { readonly kind: "fault"; readonly reason: string } => ({ kind: "fault", reason });

type ByProcess = ReadonlyMap<string, Series>;

interface RateAnswers {
  readonly events: readonly Series[];
  readonly total: readonly Series[];
  /** The times of the newest samples in seconds. */
  readonly ages: readonly Series[];
}

/** Samples of [events, total] at the grid's edges. */
export function rateSamples(answers: RateAnswers, noEvents: "unknown" | "zero", sampling: Sampling): ProcessSamples {
  const { processLabels } = sampling;
  if (answers.total.length === 0) return fault("the query of the total has no result");
  if (answers.events.length === 0 && noEvents === "unknown") return fault(noEventsSeries);
  const total = onePerProcess("the total", answers.total, processLabels);
  if (total.kind === "fault") return total;
  const events = onePerProcess("the events", answers.events, processLabels);
  if (events.kind === "fault") return events;
  const ages = onePerProcess("the samples' times", answers.ages, processLabels);
  if (ages.kind === "fault") return ages;
  const stranger = [...events.series.keys()].find((name) => !total.series.has(name));
  if (stranger !== undefined) return fault(`the events have a series for ${stranger} that the total does not have`);
  const processes = [...total.series].map(([name, series]) => {
    const one = { total: series, events: events.series.get(name), ages: ages.series.get(name) };
    return [name, rateOfProcess(one, noEvents, sampling)] as const;
  });
  return { kind: "samples", processes: new Map(processes) };
}

const noEventsSeries =
  "the query of the events has no result (a counter that begins with its first event needs noEvents: zero)";

interface OneProcess {
  readonly total: Series;
  readonly events: Series | undefined;
  readonly ages: Series | undefined;
}

function rateOfProcess(
  { total, events, ages }: OneProcess,
  noEvents: "unknown" | "zero",
  sampling: Sampling,
): readonly CounterSample[] {
  return [...total.atEdges].map(([edge, value]) => {
    const counted = events?.atEdges.get(edge) ?? (noEvents === "zero" ? 0 : undefined);
    const wrong =
      ageFault(ages?.atEdges.get(edge), edge, sampling) ??
      (counted === undefined ? "the events had no series then" : undefined);
    return sampleAt(edge, [counted ?? 0, value], wrong, sampling);
  });
}

const sampleAt = (
  edge: number,
  values: readonly number[],
  wrong: string | undefined,
  { grid }: Sampling,
): CounterSample => ({
  atMs: edge * grid.bucketMs,
  values,
  ...(wrong === undefined ? {} : { fault: wrong }),
});

function onePerProcess(
  what: string,
  series: readonly Series[],
  processLabels: readonly string[],
): { readonly kind: "processes"; readonly series: ByProcess } | { readonly kind: "fault"; readonly reason: string } {
  const found = new Map<string, Series>();
  for (const one of series) {
    const name = processName(one, processLabels);
    if (name === undefined)
      return fault(
        `a series of ${what} lacks the label ${processLabels.join(" or ")}; write sum by (${processLabels.join(", ")}) (…)`,
      );
    if (found.has(name)) return fault(`the query of ${what} has several series${name === "" ? "" : ` for ${name}`}`);
    found.set(name, one);
  }
  return { kind: "processes", series: found };
}

/** Undefined where a label is not there. */
function processName({ labels }: Series, processLabels: readonly string[]): string | undefined {
  const values = processLabels.map((label) => labels[label]);
  return values.every((value) => value !== undefined) ? values.join(" ") : undefined;
}

/** The newest sample must be younger than half a bucket: else the counts of an interval are largely those of another one. */
function ageFault(sampledAtSeconds: number | undefined, edge: number, sampling: Sampling): string | undefined {
  const { grid, scrapeIntervalMs } = sampling;
  if (sampledAtSeconds === undefined || !Number.isFinite(sampledAtSeconds))
    return "the age of its samples cannot be told";
  const ageMs = edge * grid.bucketMs - sampledAtSeconds * 1000;
  if (ageMs <= grid.bucketMs / 2) return undefined;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  if (ageMs > 5 * scrapeIntervalMs)
    return `stale: its newest sample was ${seconds(ageMs)} old, more than 5 scrape intervals of ${seconds(scrapeIntervalMs)}`;
  return `scraped too seldom: its newest sample was ${seconds(ageMs)} old, and buckets of ${seconds(grid.bucketMs)} need one every ${seconds(grid.bucketMs / 2)}`;
}

export type HistogramSamples =
  | {
      readonly kind: "samples";
      readonly edgesMs: readonly number[];
      readonly processes: ReadonlyMap<string, readonly CounterSample[]>;
    }
  | { readonly kind: "fault"; readonly reason: string };

/** Series with the label `le`, one for each upper edge and process; the values stay cumulative over the edges. */
export function histogramSamples(
  answers: { readonly histogram: readonly Series[]; readonly ages: readonly Series[] },
  unit: "seconds" | "milliseconds",
  sampling: Sampling,
): HistogramSamples {
  const refused = histogramFault(answers.histogram, sampling.processLabels);
  if (refused) return fault(refused);
  const ages = onePerProcess("the samples' times", answers.ages, sampling.processLabels);
  if (ages.kind === "fault") return ages;
  const each = [...grouped(answers.histogram, sampling.processLabels)].map(([name = "", series]) => ({
    name,
    rising: inOrder(series, unit),
  }));
  const wrong = each.find(({ rising }) => rising.kind === "fault")?.rising;
  if (wrong?.kind === "fault") return wrong;
  const sorted = each.flatMap(({ name, rising }) => (rising.kind === "fault" ? [] : [{ name, ...rising }]));
  if (new Set(sorted.map(({ edgesMs }) => String(edgesMs))).size > 1)
    return fault("its processes have different histogram buckets");
  const processes = sorted.map(({ name, series }) => [name, vectors(series, ages.series.get(name), sampling)] as const);
  return { kind: "samples", edgesMs: sorted[0]?.edgesMs ?? [], processes: new Map(processes) };
}

function histogramFault(histogram: readonly Series[], processLabels: readonly string[]): string | undefined {
  if (histogram.length === 0) return "the query of the histogram has no result";
  if (histogram.some(({ labels }) => labels.le === undefined))
    return "a series has no label le: this is no histogram with buckets";
  return histogram.some((series) => processName(series, processLabels) === undefined)
    ? `a series lacks the label ${processLabels.join(" or ")}`
    : undefined;
}

const grouped = (series: readonly Series[], labels: readonly string[]) =>
  Map.groupBy(series, (one) => processName(one, labels));

function inOrder(series: readonly Series[], unit: "seconds" | "milliseconds") {
  const edges = series
    .map((one) => ({ one, edge: Number((one.labels.le ?? "").replace("+Inf", "Infinity")) }))
    .toSorted((a, b) => a.edge - b.edge);
  if (edges.some(({ edge }) => Number.isNaN(edge))) return fault("a label le is no number");
  if (new Set(edges.map(({ edge }) => edge)).size !== edges.length)
    return fault("the query of the histogram has several series for one process and one le");
  if (edges.at(-1)?.edge !== Number.POSITIVE_INFINITY) return fault("the histogram has no bucket +Inf");
  if (edges.length < 2) return fault("the histogram has no bucket besides +Inf");
  const factor = unit === "seconds" ? 1000 : 1;
  return {
    kind: "rising" as const,
    edgesMs: edges.slice(0, -1).map(({ edge }) => Number((edge * factor).toFixed(6))),
    series: edges.map(({ one }) => one),
  };
}

function vectors(series: readonly Series[], ages: Series | undefined, sampling: Sampling): readonly CounterSample[] {
  return [...(series.at(-1)?.atEdges.keys() ?? [])].map((edge) => {
    const values = series.map(({ atEdges }) => atEdges.get(edge) ?? Number.NaN);
    const wrong =
      ageFault(ages?.atEdges.get(edge), edge, sampling) ??
      (series.every(({ atEdges }) => atEdges.has(edge))
        ? undefined
        : "some of its histogram buckets had no value then");
    return sampleAt(edge, values, wrong, sampling);
  });
}
