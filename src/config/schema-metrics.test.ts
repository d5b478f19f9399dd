import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { Metrics } from "./schema-metrics.ts";

/** What is wrong, with its place: `0.metrics.0.events: what → fix`. */
function faultsOf(yaml: string): readonly string[] {
  const result = Metrics.safeParse(parse(yaml));
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message.replace("\n", " → ")}`);
}

const rate = (events: string, total = `'t{version="{{version}}"}'`) =>
  `[{ kind: prometheus, name: p, url: "http://p", metrics: [{ kind: rate, name: m, events: ${events}, total: ${total} }] }]`;
const datadog = (events: string) =>
  `[{ kind: datadog, name: d, apiKey: k, applicationKey: k, metrics: [{ name: m, events: "${events}", total: "sum:t{version:{{version}}}.as_count()" }] }]`;
const newRelic = (query: string) =>
  `[{ kind: new-relic, name: n, account: 1, apiKey: k, metrics: [{ name: m, query: "${query}" }] }]`;
const json = (url: string, counts: string, pointer = "/e") =>
  `[{ kind: json, name: j, url: "${url}", counts: ${counts}, metrics: [{ name: m, events: "${pointer}", total: /t }] }]`;

test.each<[string, string, string]>([
  [
    "a placeholder that is none",
    rate(`'e{version="{{tag}}"}'`),
    "0.metrics.0.events: {{tag}} is not a placeholder here; there are {{version}}, {{revision}}, {{component}}, {{environment}} → correct the placeholder",
  ],
  [
    "a placeholder outside a string",
    rate(`"e{version={{version}}}"`),
    '0.metrics.0.events: {{version}} must stand inside a string in single or double quotes, as in version="{{version}}" → correct the placeholder',
  ],
  [
    "a placeholder in backticks",
    rate('"e{version=`{{version}}`}"'),
    '0.metrics.0.events: {{version}} must stand inside a string in single or double quotes, as in version="{{version}}" → correct the placeholder',
  ],
  [
    "one query for both versions",
    rate("'e'"),
    '0.metrics.0.events: no placeholder stands in a selector → write for example x{version="{{version}}"}',
  ],
  [
    "an environment alone",
    rate(`'e{env="{{environment}}"}'`),
    "0.metrics.0.events: it asks the same for both versions → name {{version}} or {{revision}} in it",
  ],
  [
    "a rate of Datadog",
    datadog("sum:e{version:{{version}}}"),
    "0.metrics.0.events: it does not end with .as_count() → add it: counts are compared, not rates",
  ],
  [
    "a group of Datadog",
    datadog("sum:e{version:{{version}}} by {host}.as_count()"),
    "0.metrics.0.events: it groups, and so gives several series → take `by {…}` out",
  ],
  [
    "NRQL with an interval",
    newRelic("SELECT sum(x) AS events, count(*) AS total FROM T WHERE v = '{{version}}' since 1 hour ago"),
    "0.metrics.0.query: it says SINCE → take it out: the interval and the grid are added to it",
  ],
  [
    "NRQL without names",
    newRelic("SELECT count(*) AS total FROM T WHERE v = '{{version}}'"),
    "0.metrics.0.query: its SELECT names no events → write … AS events",
  ],
  [
    "NRQL outside a string",
    newRelic("SELECT sum(x) AS events, count(*) AS total FROM T WHERE v = {{version}}"),
    "0.metrics.0.query: {{version}} must stand inside a string in single quotes, as in appVersion = '{{version}}' → correct the placeholder",
  ],
  [
    "an interval that is not asked for",
    json("http://j/{{version}}", "interval"),
    "0.url: it does not say which interval → name {{fromMs}} and {{toMs}}, or say counts: cumulative",
  ],
  [
    "an interval of counters",
    json("http://j/{{version}}?{{fromMs}}", "cumulative"),
    "0.url: counters that rise for ever have no interval → say counts: interval, or take the times out",
  ],
  [
    "one address for both versions",
    json("http://j/", "cumulative"),
    "0.metrics.0.total: it asks the same for both versions → name {{version}} or {{revision}} in the address or in both pointers",
  ],
  [
    "a host with a placeholder",
    json("http://{{version}}.j/", "cumulative"),
    "0.url: its host has a placeholder → put it into the path or the query",
  ],
  [
    "credentials in the address",
    json("http://u:pw@j/{{version}}", "cumulative"),
    "0.url: the address holds a name or password → take them out; secrets go into headers",
  ],
  [
    "no pointer",
    json("http://j/{{version}}", "cumulative", "e.f"),
    '0.metrics.0.events: "e.f" is no JSON pointer → write for example /versions/{{version}}/errors',
  ],
])("O4 %s is named at its place", (_, yaml, fault) => {
  expect(faultsOf(yaml)).toEqual([fault]);
});

test("O4 a name that is there twice is named at its second place", () => {
  const two = `
- { kind: command, name: one, command: [a], metrics: [x, y] }
- { kind: command, name: one, command: [b], metrics: [x] }`;

  expect(faultsOf(two)).toEqual([
    '1.name: "source one" is there twice → give each a name of its own',
    '1.metrics.0: "x" is there twice → give each a name of its own',
  ]);
});

test("O4 what is left out has a default that is safe: no events is unknown, processes are told apart", () => {
  expect(Metrics.parse(parse(rate(`'e{version="{{version}}"}'`)))).toMatchObject([
    { processLabels: ["instance"], scrapeInterval: 1000, timeout: 2000, metrics: [{ noEvents: "unknown" }] },
  ]);
});

test("O4 every example of the how-to is a source, under the name that the page gives it", () => {
  const page = readFileSync(new URL("../../docs/how-to/metrics.md", import.meta.url), "utf8");
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = ""]) =>
    yaml.replace(/^metrics:\n/, ""),
  );

  const sources = examples.flatMap((yaml) => Metrics.parse(parse(yaml)));

  expect(sources.map(({ name }) => name)).toEqual(["prometheus", "edge", "datadog", "new-relic", "orders"]);
});
