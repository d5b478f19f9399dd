/** The metric sources of an environment, as settings. */
import type { z } from "zod";
import type { MetricSourceSettings } from "../domain/metric-settings.ts";
import type { Metrics } from "./schema-metrics.ts";

type Source = z.output<typeof Metrics>[number];

export const metricSourceSettings = (parsed: z.output<typeof Metrics>): readonly MetricSourceSettings[] =>
  parsed.map(settingsOf);

/** A component that is left out is the only one there is. */
const withComponent = <M extends { readonly component?: string | undefined }>(metrics: readonly M[]) =>
  metrics.map((metric) => ({ ...metric, component: metric.component ?? null }));

function settingsOf(source: Source): MetricSourceSettings {
  switch (source.kind) {
    case "prometheus": {
      const { timeout, scrapeInterval, metrics, ...same } = source;
      return { ...same, timeoutMs: timeout, scrapeIntervalMs: scrapeInterval, metrics: withComponent(metrics) };
    }
    case "haproxy": {
      const { timeout, metrics, ...same } = source;
      return { ...same, timeoutMs: timeout, metrics: withComponent(metrics) };
    }
    case "datadog": {
      const { timeout, finest, settledAfter, metrics, ...same } = source;
      const times = { timeoutMs: timeout, finestMs: finest, settledAfterMs: settledAfter };
      return { ...same, ...times, metrics: withComponent(metrics) };
    }
    case "new-relic": {
      const { timeout, settledAfter, account, metrics, ...same } = source;
      const times = { timeoutMs: timeout, settledAfterMs: settledAfter };
      return { ...same, ...times, accountId: account, metrics: withComponent(metrics) };
    }
    case "json": {
      const { timeout, settledAfter, metrics, ...same } = source;
      return { ...same, timeoutMs: timeout, settledAfterMs: settledAfter, metrics: withComponent(metrics) };
    }
    case "command": {
      const { timeout, settledAfter, ...same } = source;
      return { ...same, timeoutMs: timeout, settledAfterMs: settledAfter };
    }
  }
}
