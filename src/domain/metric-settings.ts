/** Where the verdict's numbers are read, as settings: every default is in place and every duration is in milliseconds. */

type TextOrSecret = string | { readonly secret: string };

interface Named {
  /** What the metric is called in verdicts, reports and records. */
  readonly name: string;
  /** Whose revision `{{revision}}` is; null: the only component there is. */
  readonly component: string | null;
}

interface OverHttp {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, TextOrSecret>>;
  /** For each question, from the connection to the end of the answer. */
  readonly timeoutMs: number;
}

export type PrometheusMetricSettings =
  | (Named & {
      readonly kind: "rate";
      /** PromQL templates of counters, one series per process. */
      readonly events: string;
      readonly total: string;
      /** What no series of events means while `total` has one: not known, or none. */
      readonly noEvents: "unknown" | "zero";
    })
  | (Named & {
      readonly kind: "latency";
      /** PromQL template of a histogram's `_bucket` counters, with the label `le`. */
      readonly histogram: string;
      readonly unit: "seconds" | "milliseconds";
    });

export interface PrometheusSettings extends OverHttp {
  readonly kind: "prometheus";
  readonly scrapeIntervalMs: number;
  /** Labels that tell the processes of one version apart; empty: there is one process and one series. */
  readonly processLabels: readonly string[];
  readonly metrics: readonly PrometheusMetricSettings[];
}

export interface HaproxySettings {
  readonly kind: "haproxy";
  readonly name: string;
  /** Path of the runtime socket. */
  readonly socket: string;
  readonly timeoutMs: number;
  readonly metrics: readonly (Named & {
    readonly backend: string;
    /** Template of the servers' names; `*` at its end stands for any text. */
    readonly server: string;
  })[];
}

export interface DatadogSettings extends OverHttp {
  readonly kind: "datadog";
  readonly apiKey: TextOrSecret;
  readonly applicationKey: TextOrSecret;
  /** The finest interval it keeps. */
  readonly finestMs: number;
  /** How long after its end an interval is complete there. */
  readonly settledAfterMs: number;
  readonly metrics: readonly (Named & {
    readonly events: string;
    readonly total: string;
    readonly noEvents: "unknown" | "zero";
  })[];
}

export interface NewRelicSettings extends OverHttp {
  readonly kind: "new-relic";
  readonly accountId: number;
  readonly apiKey: TextOrSecret;
  readonly settledAfterMs: number;
  /** NRQL templates whose SELECT names `events` and `total`, without SINCE, UNTIL, TIMESERIES and FACET. */
  readonly metrics: readonly (Named & { readonly query: string })[];
}

export interface JsonSettings extends OverHttp {
  readonly kind: "json";
  /** Counters that rise for ever, or the counts of the interval that the address names. */
  readonly counts: "cumulative" | "interval";
  readonly settledAfterMs: number;
  /** JSON pointers (RFC 6901); the address and they are templates. */
  readonly metrics: readonly (Named & { readonly events: string; readonly total: string })[];
}

export interface CommandMetricsSettings {
  readonly kind: "command";
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, TextOrSecret>>;
  readonly timeoutMs: number;
  readonly settledAfterMs: number;
  /** The names of what it prints. */
  readonly metrics: readonly string[];
}

export type MetricSourceSettings =
  | PrometheusSettings
  | HaproxySettings
  | DatadogSettings
  | NewRelicSettings
  | JsonSettings
  | CommandMetricsSettings;
