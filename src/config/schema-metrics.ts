/** Where the verdict's own metrics are read (O4): sources, each with its metrics and the questions for them. */
import { z } from "zod";
import { asksFor } from "../domain/metric-template.ts";
import {
  addressFault,
  component,
  headers,
  isCount,
  isPlainSelect,
  isSelector,
  named,
  noEvents,
  pointer,
  settled,
  sourceName,
  tellsApart,
  template,
  timeout,
} from "./schema-metric-queries.ts";
import {
  argv,
  count,
  file,
  httpUrl,
  key,
  line,
  period,
  say,
  shown,
  valueOrSecret,
  variableName,
} from "./schema-values.ts";

const PrometheusMetric = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: key(z.literal("rate"), "Things that happened of things that could have.", "rate"),
    name: named(),
    component: component(),
    events: key(
      template("promql", isSelector),
      "PromQL of the counter of what happened, one series for each process.",
      'sum by (instance) (http_requests_total{version="{{version}}",code=~"5.."})',
    ),
    total: key(
      template("promql", isSelector),
      "PromQL of the counter of everything, one series for each process.",
      'sum by (instance) (http_requests_total{version="{{version}}"})',
    ),
    noEvents: noEvents(),
  }),
  z.strictObject({
    kind: key(z.literal("latency"), "How long things took.", "latency"),
    name: named(),
    component: component(),
    histogram: key(
      template("promql", isSelector),
      "PromQL of a histogram's `_bucket` counters, with the label `le`.",
      'sum by (instance, le) (http_request_duration_seconds_bucket{version="{{version}}"})',
    ),
    unit: key(z.enum(["seconds", "milliseconds"]).default("seconds"), "Unit of `le`.", "seconds"),
  }),
]);

const Prometheus = z.strictObject({
  kind: key(z.literal("prometheus"), "Prometheus, or what speaks its query API.", "prometheus"),
  name: sourceName(),
  url: key(httpUrl(), "Address, without `/api/v1`.", "https://prometheus.example.com"),
  headers: headers(),
  timeout: timeout(),
  scrapeInterval: key(
    period().prefault("1s"),
    "As configured in Prometheus; half a bucket (`rollout.verdict.bucket`) at most.",
    "1s",
  ),
  processLabels: key(
    z
      .array(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: say("that is no label", "use letters, digits and _") }),
      )
      .default(["instance"]),
    "Labels that tell the processes of one version apart. A sum over processes falls and jumps when one comes or goes.",
    ["instance"],
  ),
  metrics: key(z.array(PrometheusMetric).min(1), "Its metrics."),
});

const Haproxy = z.strictObject({
  kind: key(z.literal("haproxy"), "HAProxy's counters of its servers.", "haproxy"),
  name: sourceName(),
  socket: key(file(), "Runtime socket (`stats socket`).", "/run/haproxy/admin.sock"),
  timeout: timeout(),
  metrics: key(
    z
      .array(
        z.strictObject({
          name: named(),
          component: component(),
          backend: key(line(), "Backend whose servers are counted.", "shop"),
          server: key(
            template("haproxy-name"),
            "Name of a version's servers; `*` at its end stands for any text. What no server's name may hold becomes `-`.",
            "{{revision}}-*",
          ),
        }),
      )
      .min(1),
    "Its metrics: answers of class 5xx and requests without an answer, of all.",
  ),
});

const Datadog = z.strictObject({
  kind: key(z.literal("datadog"), "Datadog, by its query API.", "datadog"),
  name: sourceName(),
  url: key(httpUrl().default("https://api.datadoghq.com"), "API address of your site.", "https://api.datadoghq.eu"),
  apiKey: key(valueOrSecret(), "API key.", { secret: "DD_API_KEY" }),
  applicationKey: key(valueOrSecret(), "Application key.", { secret: "DD_APP_KEY" }),
  headers: headers(),
  timeout: timeout(),
  finest: key(
    period().prefault("10s"),
    "The finest interval that the metrics are kept in; a bucket is a multiple of it.",
    "10s",
  ),
  settledAfter: settled("60s"),
  metrics: key(
    z
      .array(
        z.strictObject({
          name: named(),
          component: component(),
          events: key(
            template("datadog", isCount),
            "Query of what happened.",
            "sum:shop.errors{version:{{version}}}.as_count()",
          ),
          total: key(
            template("datadog", isCount),
            "Query of everything.",
            "sum:shop.requests{version:{{version}}}.as_count()",
          ),
          noEvents: noEvents(),
        }),
      )
      .min(1),
    "Its metrics.",
  ),
});

const NewRelic = z.strictObject({
  kind: key(z.literal("new-relic"), "New Relic, by NerdGraph.", "new-relic"),
  name: sourceName(),
  url: key(
    httpUrl().default("https://api.newrelic.com/graphql"),
    "NerdGraph's address in your region.",
    "https://api.eu.newrelic.com/graphql",
  ),
  account: key(count(1, Number.MAX_SAFE_INTEGER), "Account id.", 1234567),
  apiKey: key(valueOrSecret(), "User key.", { secret: "NEW_RELIC_KEY" }),
  headers: headers(),
  timeout: timeout(),
  settledAfter: settled("60s"),
  metrics: key(
    z
      .array(
        z.strictObject({
          name: named(),
          component: component(),
          query: key(
            template("nrql", isPlainSelect),
            "NRQL whose SELECT names `events` and `total`.",
            "SELECT filter(count(*), WHERE error IS true) AS events, count(*) AS total FROM Transaction WHERE appVersion = '{{version}}'",
          ),
        }),
      )
      .min(1),
    "Its metrics.",
  ),
});

const Json = z
  .strictObject({
    kind: key(z.literal("json"), "A JSON document over HTTP.", "json"),
    name: sourceName(),
    url: key(
      line().superRefine((text, context) => {
        const message = addressFault(text);
        if (message) context.addIssue({ code: "custom", message });
      }),
      "Address; besides the versions it may name `{{fromMs}}`, `{{toMs}}`, `{{fromSeconds}}` and `{{toSeconds}}`.",
      "https://stats.example.com/{{version}}?from={{fromMs}}&to={{toMs}}",
    ),
    counts: key(
      z.enum(["cumulative", "interval"]),
      "`cumulative`: counters that rise for ever, read at the edges of each bucket while a deployment watches; `interval`: what happened between the times in the address.",
      "interval",
    ),
    headers: headers(),
    timeout: timeout(),
    settledAfter: settled("1s"),
    metrics: key(
      z
        .array(
          z.strictObject({
            name: named(),
            component: component(),
            events: key(pointer(), "JSON pointer (RFC 6901) to the count of what happened.", "/errors"),
            total: key(pointer(), "JSON pointer to the count of everything.", "/requests"),
          }),
        )
        .min(1),
      "Its metrics.",
    ),
  })
  .superRefine(({ url, counts, metrics }, context) => {
    const timed = asksFor(url, "fromMs", "fromSeconds") && asksFor(url, "toMs", "toSeconds");
    const add = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", message, path });
    if (counts === "interval" && !timed)
      add(["url"], say("it does not say which interval", "name {{fromMs}} and {{toMs}}, or say counts: cumulative"));
    if (counts === "cumulative" && asksFor(url, "fromMs", "fromSeconds", "toMs", "toSeconds"))
      add(["url"], say("counters that rise for ever have no interval", "say counts: interval, or take the times out"));
    for (const [at, { events, total }] of metrics.entries()) {
      const apart = tellsApart(url) || (tellsApart(events) && tellsApart(total));
      if (!apart)
        add(
          ["metrics", at, "total"],
          say(
            "it asks the same for both versions",
            "name {{version}} or {{revision}} in the address or in both pointers",
          ),
        );
    }
  });

const Command = z.strictObject({
  kind: key(z.literal("command"), "A command of your own that prints JSON lines.", "command"),
  name: sourceName(),
  command: key(argv(), "Program and arguments; the question comes on its standard input.", ["./metrics.mjs"]),
  environment: key(z.record(variableName(), valueOrSecret()).default({}), "Variables of the command.", {
    WAREHOUSE_URL: { secret: "WAREHOUSE_URL" },
  }),
  timeout: timeout(),
  settledAfter: settled("1s"),
  metrics: key(z.array(line().max(60)).min(1), "Names of the metrics that it prints.", ["checkouts"]),
});

const Source = z.discriminatedUnion("kind", [Prometheus, Haproxy, Datadog, NewRelic, Json, Command]);

/** Position and name of every metric of the list, for messages. */
const metricNames = (sources: readonly z.output<typeof Source>[]) =>
  sources.flatMap((source, at) =>
    source.metrics.map((metric, index) =>
      typeof metric === "string"
        ? { name: metric, path: [at, "metrics", index] }
        : { name: metric.name, path: [at, "metrics", index, "name"] },
    ),
  );

export const Metrics = z
  .array(Source)
  .superRefine((sources, context) => {
    const places = [
      ...sources.map(({ name }, at) => ({ name: `source ${name}`, path: [at, "name"] })),
      ...metricNames(sources),
    ];
    for (const [at, { name, path }] of places.entries()) {
      const before = places.findIndex((place) => place.name === name);
      if (before < at)
        context.addIssue({
          code: "custom",
          message: say(`${shown(name)} is there twice`, "give each a name of its own"),
          path,
        });
    }
  })
  .meta({ description: "Sources of metrics besides the router's own counters (O4)." });
