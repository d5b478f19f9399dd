/** O4: the declared metric sources of an environment, as ports. A source whose secret is missing answers with that reason. */
import { commandMetricSource } from "../adapters/command/metric-source.ts";
import { datadogSource } from "../adapters/datadog/metric-source.ts";
import { haproxySource } from "../adapters/haproxy/counters-source.ts";
import { jsonSource } from "../adapters/http-json/metric-source.ts";
import { newRelicSource } from "../adapters/new-relic/metric-source.ts";
import { prometheusSource } from "../adapters/prometheus/metric-source.ts";
import { failureOf } from "../domain/errors.ts";
import { indexesOf } from "../domain/metric-counters.ts";
import { missing } from "../domain/metric-pairs.ts";
import type { MetricSourceSettings } from "../domain/metric-settings.ts";
import type { Secret } from "../domain/secret.ts";
import type { Clock } from "../ports/clock.ts";
import type { MetricSource } from "../ports/metric-source.ts";

export interface MetricSurroundings {
  /** The environment's name, for `{{environment}}`. */
  readonly environment: string;
  readonly clock: Clock;
  /** Where commands run. */
  readonly projectFolder: string;
  /** Throws SECRET_MISSING. */
  readonly resolve: (value: string | { readonly secret: string }) => string | Secret;
}

type SettingsOf<K extends MetricSourceSettings["kind"]> = Extract<MetricSourceSettings, { readonly kind: K }>;
type Factories = {
  readonly [K in MetricSourceSettings["kind"]]: (settings: SettingsOf<K>, around: MetricSurroundings) => MetricSource;
};

const factories = {
  prometheus: (settings, around) =>
    prometheusSource({ ...settings, ...whereAndWhen(around), headers: resolved(settings.headers, around) }),
  haproxy: (settings, around) => haproxySource({ ...settings, ...whereAndWhen(around) }),
  datadog: (settings, around) =>
    datadogSource({
      ...settings,
      ...whereAndWhen(around),
      headers: resolved(settings.headers, around),
      apiKey: around.resolve(settings.apiKey),
      applicationKey: around.resolve(settings.applicationKey),
    }),
  "new-relic": (settings, around) =>
    newRelicSource({
      ...settings,
      ...whereAndWhen(around),
      headers: resolved(settings.headers, around),
      apiKey: around.resolve(settings.apiKey),
    }),
  json: (settings, around) =>
    jsonSource({ ...settings, ...whereAndWhen(around), headers: resolved(settings.headers, around) }),
  command: ({ command, environment, ...settings }, around) =>
    commandMetricSource({
      ...settings,
      ...whereAndWhen(around),
      argv: command,
      cwd: around.projectFolder,
      variables: resolved(environment, around),
    }),
} satisfies Factories;

const whereAndWhen = ({ environment, clock }: MetricSurroundings) => ({ environment, clock });

const resolved = (
  values: Readonly<Record<string, string | { readonly secret: string }>>,
  { resolve }: MetricSurroundings,
): Record<string, string | Secret> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, resolve(value)]));

export const metricSourcesFor = (
  sources: readonly MetricSourceSettings[],
  around: MetricSurroundings,
): readonly MetricSource[] => sources.map((settings) => whenUsed(settings, around));

/** Made when it is first asked: a missing secret must not keep `status` and `plan` from being wired. */
function whenUsed(settings: MetricSourceSettings, around: MetricSurroundings): MetricSource {
  const { kind, name } = settings;
  const make = factories[kind] as (one: MetricSourceSettings, around: MetricSurroundings) => MetricSource;
  let made: MetricSource | undefined;
  const source = (): MetricSource => {
    made ??= make(settings, around);
    return made;
  };
  const metrics = settings.metrics.map((metric) => (typeof metric === "string" ? metric : metric.name));
  const samples = kind === "haproxy" || (kind === "json" && settings.counts === "cumulative");
  return {
    kind,
    name,
    metrics,
    finestBucketMs: finestOf(settings),
    ...("settledAfterMs" in settings && !samples ? { settledAfterMs: settings.settledAfterMs } : {}),
    async read(query, signal) {
      signal.throwIfAborted();
      const usable = madeOrReason(source, name);
      if (typeof usable !== "string") return usable.read(query, signal);
      return metrics.flatMap((metric) => indexesOf(query).map((index) => missing(metric, index, usable)));
    },
    ...(samples ? { sample: sampling(() => madeOrReason(source, name)) } : {}),
  };
}

/** Why it cannot be made is a reason like any other, told by `read` for every bucket. */
function madeOrReason(source: () => MetricSource, name: string): MetricSource | string {
  try {
    return source();
  } catch (thrown) {
    return `${name}: ${failureOf(thrown, "app.metric-sources").message}`;
  }
}

const sampling =
  (usable: () => MetricSource | string): NonNullable<MetricSource["sample"]> =>
  async (query, signal) => {
    const source = usable();
    if (typeof source !== "string") await source.sample?.(query, signal);
  };

/** Known without making the source; the source itself says the same. */
function finestOf(settings: MetricSourceSettings): number | null {
  if (settings.kind === "datadog") return settings.finestMs;
  return settings.kind === "new-relic" ? 1000 : null;
}
