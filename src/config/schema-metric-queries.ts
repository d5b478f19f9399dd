/** The keys that metric sources share, and what can be told of a query before it is asked: its language, its placeholders. */
import { z } from "zod";
import { asksFor, type Language, templateFault } from "../domain/metric-template.ts";
import { key, line, period, say, shown, valueOrSecret } from "./schema-values.ts";

export const named = () =>
  key(
    line().max(60),
    "What the metric is called in verdicts, reports and under `rollout.verdict.weights`.",
    "checkouts",
  );
export const component = () =>
  key(line().max(63).optional(), "Whose revision `{{revision}}` is; needed where there are several components.", "web");
export const sourceName = () => key(line().max(60), "What the source is called in reasons and reports.", "prometheus");
export const noEvents = () =>
  key(
    z.enum(["unknown", "zero"]).default("unknown"),
    "What no result for the events means while the total has one: not known, or none. Say `zero` for a counter that begins with its first event; a mistyped query then passes unseen.",
    "zero",
  );
export const headers = () =>
  key(
    z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9-]{1,100}$/, { error: say("that is no header name", "use letters, digits and -") }),
        valueOrSecret(),
      )
      .default({}),
    "Headers of every request; values may be secrets.",
    { authorization: { secret: "PROMETHEUS_TOKEN" } },
  );
export const timeout = () => key(period().prefault("2s"), "Time for one answer; later it is unknown.", "2s");
export const settled = (text: string) =>
  key(
    period().prefault(text),
    "How long after its end an interval is complete at the provider; buckets are judged that much later.",
    text,
  );

export const tellsApart = (text: string): boolean => asksFor(text, "version", "revision");

/** A query that asks the same for both versions can only pass, so it has to name one. */
export const template = (language: Language, also: (text: string) => string | undefined = () => undefined) =>
  line()
    .max(10_000)
    .superRefine((text, context) => {
      const fault = templateFault(text, language);
      const alike = tellsApart(text)
        ? undefined
        : say("it asks the same for both versions", "name {{version}} or {{revision}} in it");
      const message = fault === undefined ? (also(text) ?? alike) : say(fault, "correct the placeholder");
      if (message) context.addIssue({ code: "custom", message, input: text });
    });

export const isSelector = (text: string): string | undefined =>
  /\{[^}]*\{\{/.test(text)
    ? undefined
    : say("no placeholder stands in a selector", 'write for example x{version="{{version}}"}');

export const isCount = (text: string): string | undefined => {
  if (!/\.as_count\(\)$/.test(text))
    return say("it does not end with .as_count()", "add it: counts are compared, not rates");
  return /\sby\s*\{/.test(text) ? say("it groups, and so gives several series", "take `by {…}` out") : undefined;
};

export const isPlainSelect = (text: string): string | undefined => {
  const bare = text.replace(/'[^']*'/g, "''");
  const extra = /\b(SINCE|UNTIL|TIMESERIES|FACET|LIMIT|COMPARE)\b/i.exec(bare)?.[0];
  if (extra) return say(`it says ${extra.toUpperCase()}`, "take it out: the interval and the grid are added to it");
  const lacking = ["events", "total"].find((word) => !new RegExp(`\\bAS\\s+['\`]?${word}\\b`, "i").test(text));
  return lacking ? say(`its SELECT names no ${lacking}`, `write … AS ${lacking}`) : undefined;
};

export const pointer = () =>
  z.string().superRefine((text, context) => {
    const fault = text.startsWith("/") ? templateFault(text, "json-pointer") : `${shown(text)} is no JSON pointer`;
    if (fault)
      context.addIssue({
        code: "custom",
        message: say(fault, "write for example /versions/{{version}}/errors"),
        input: text,
      });
  });

export function addressFault(text: string): string | undefined {
  const fault = templateFault(text, "url");
  if (fault) return say(fault, "correct the placeholder");
  const concrete = text.replace(/\{\{[^}]*\}\}/g, "x");
  const url = /^https?:\/\//.test(concrete) && URL.canParse(concrete) ? new URL(concrete) : undefined;
  if (!url) return say("it is not an http(s) address", "write for example https://stats.example.com/{{version}}");
  if (url.username !== "" || url.password !== "")
    return say("the address holds a name or password", "take them out; secrets go into headers");
  return /^https?:\/\/[^/?#]*\{\{/.test(text)
    ? say("its host has a placeholder", "put it into the path or the query")
    : undefined;
}
