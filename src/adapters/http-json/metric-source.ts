/**
 * O4: any JSON over HTTP, by an address and pointers into its document. Counters that rise for ever are read at the grid's edges
 * (`sample`); counts of an interval are asked for by the interval's times in the address.
 */
import { type BucketCounts, type CounterSample, indexesOf } from "../../domain/metric-counters.ts";
import { countsGiven } from "../../domain/metric-pairs.ts";
import type { JsonSettings } from "../../domain/metric-settings.ts";
import { armValues, isSameArm, render, type TemplateValues } from "../../domain/metric-template.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricArm, MetricSource } from "../../ports/metric-source.ts";
import { type MetricAnswer, type MetricHttp, metricHttp, metricUrl, skewFault } from "../metric-http.ts";
import { type IntervalCounts, intervalSource } from "../metric-intervals.ts";
import { type ArmSamples, type Look, sampledSource } from "../metric-sampling.ts";
import { atPointer } from "./json-pointer.ts";

export interface JsonSourceOptions extends Omit<JsonSettings, "kind" | "headers"> {
  readonly environment: string;
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string | Secret>>;
}

type JsonMetric = JsonSettings["metrics"][number];

export function jsonSource(options: JsonSourceOptions): MetricSource {
  // The template itself is checked where it is written; here with every placeholder taken out.
  metricUrl(options.name, options.url.replace(/\{\{[^}]*\}\}/g, "x"));
  return options.counts === "cumulative" ? cumulative(options) : perInterval(options);
}

interface Asked {
  readonly url: string;
  readonly events: string;
  readonly total: string;
}

type AskedOrFault = ({ readonly kind: "asked" } & Asked) | { readonly kind: "fault"; readonly reason: string };

function askedOf(url: string, metric: JsonMetric, values: TemplateValues): AskedOrFault {
  const address = render(url, values, "url");
  if (address.kind === "fault") return address;
  const events = render(metric.events, values, "json-pointer");
  if (events.kind === "fault") return events;
  const total = render(metric.total, values, "json-pointer");
  if (total.kind === "fault") return total;
  return { kind: "asked", url: address.text, events: events.text, total: total.text };
}

/** One request for one address, however many metrics and versions read it. */
function shared(http: MetricHttp, signal: AbortSignal): (url: string) => Promise<MetricAnswer> {
  const asked = new Map<string, Promise<MetricAnswer>>();
  return (url) => {
    const answer = asked.get(url) ?? http.ask({ url: new URL(url) }, signal);
    asked.set(url, answer);
    return answer;
  };
}

/** [events, total] as they stand in the document; what is not there is undefined. */
async function valuesAt(asked: AskedOrFault, ask: (url: string) => Promise<MetricAnswer>) {
  if (asked.kind === "fault") return asked;
  const answer = await ask(asked.url);
  if (answer.kind === "fault") return answer;
  const skewed = skewFault(answer.skewMs);
  if (skewed) return fault(skewed);
  const pointers = [asked.events, asked.total];
  const values = pointers.map((pointer) => atPointer(answer.json, pointer));
  const lacking = pointers.find((_, at) => values[at] === undefined);
  return lacking === undefined ? { kind: "values" as const, values } : fault(`its answer has nothing at ${lacking}`);
}

const fault = (reason: string): { readonly kind: "fault"; readonly reason: string } => ({ kind: "fault", reason });

function perInterval(options: JsonSourceOptions): MetricSource {
  const http = metricHttp(options);
  const timesOf = (index: number, bucketMs: number): TemplateValues => ({
    fromMs: String(index * bucketMs),
    toMs: String((index + 1) * bucketMs),
    fromSeconds: String((index * bucketMs) / 1000),
    toSeconds: String(((index + 1) * bucketMs) / 1000),
  });
  return intervalSource<JsonMetric>({
    ...options,
    kind: "json",
    finestMs: null,
    asked: (metric, values) => {
      const asked = askedOf(options.url, metric, { ...timesOf(0, 1000), ...values });
      return asked.kind === "fault" ? asked : { kind: "text", text: JSON.stringify(asked) };
    },
    async counts(metric, values, grid, signal): Promise<IntervalCounts> {
      const ask = shared(http, signal);
      const byIndex = new Map<number, BucketCounts>();
      // One after another: a provider of this kind is often small.
      for (const index of indexesOf(grid)) {
        const found = await valuesAt(
          askedOf(options.url, metric, { ...values, ...timesOf(index, grid.bucketMs) }),
          ask,
        );
        byIndex.set(
          index,
          found.kind === "fault" ? { kind: "unknown", reason: found.reason } : countsGiven(found.values),
        );
      }
      return { kind: "counts", byIndex };
    },
  });
}

function cumulative(options: JsonSourceOptions): MetricSource {
  const { name, clock, metrics, environment } = options;
  const http = metricHttp(options);
  return sampledSource({
    kind: "json",
    name,
    clock,
    metrics: metrics.map((metric) => metric.name),
    async look(arms, signal): Promise<Look> {
      const ask = shared(http, signal);
      const of = async (metric: JsonMetric) => {
        const asked = (arm: MetricArm) => askedOf(options.url, metric, armValues(arm, metric.component, environment));
        const [candidate, stable] = [asked(arms.candidate), asked(arms.stable)];
        const compared = !isSameArm(arms.candidate, arms.stable);
        if (compared && candidate.kind === "asked" && JSON.stringify(candidate) === JSON.stringify(stable))
          return sameForBoth;
        return { candidate: samplesOf(await valuesAt(candidate, ask)), stable: samplesOf(await valuesAt(stable, ask)) };
      };
      const seen = await Promise.all(metrics.map(async (metric) => [metric.name, await of(metric)] as const));
      return { kind: "seen", metrics: new Map(seen) };
    },
  });
}

const one = (sample: Omit<CounterSample, "atMs">): ArmSamples => new Map([["", sample]]);
const unusable = (reason: string): ArmSamples => one({ values: [0, 0], fault: reason });
const sameForBoth = {
  candidate: unusable("its query is the same for both versions"),
  stable: unusable("its query is the same for both versions"),
};

function samplesOf(found: Awaited<ReturnType<typeof valuesAt>>): ArmSamples {
  if (found.kind === "fault") return unusable(found.reason);
  const counts = countsGiven(found.values);
  if (counts.kind === "counted") return one({ values: counts.values });
  return unusable(counts.kind === "unknown" ? counts.reason : "its counters have no value");
}
