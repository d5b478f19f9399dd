/** What is asked of the running system: health checks, smoke checks and user journeys (H1 to H6). */
import { z } from "zod";
import { parseJsonPath } from "../domain/json-path.ts";
import { smokeSuites } from "../domain/settings.ts";
import { type SmokeKind, smokeTable } from "../domain/smoke.ts";
import {
  count,
  expectedBody,
  httpUrl,
  key,
  line,
  orOff,
  period,
  port,
  say,
  shown,
  valueOrSecret,
} from "./schema-values.ts";

const placed = () => httpUrl(["url", "version"]);
const critical = () =>
  key(
    z.boolean().default(true),
    "A failing check that is not critical is shown and recorded, and stops nothing.",
    true,
  );
/** A check says which suite it belongs to; where it does not, the table of src/domain/smoke.ts does, by its kind. */
const suite = (kind: SmokeKind) => {
  const smallest = smokeSuites.find((one) => smokeTable[kind][one]) ?? "extended";
  return key(
    z.enum(smokeSuites).default(smallest),
    "The smallest suite it belongs to; the larger ones contain it.",
    "essential",
  );
};
const checkName = () => key(line().max(80), "What it is called in logs and records.", "gateway");

/** The keys of a question over HTTP, for a health check and for a smoke check alike. */
const httpKeys = () => ({
  name: checkName(),
  url: key(
    placed(),
    "Address; `{url}` is the environment's url and `{version}` the release's version.",
    "{url}/api/health",
  ),
  status: key(count(100, 599).default(200), "Expected status.", 200),
  body: key(
    expectedBody().default({}),
    "Expected values in a JSON body, by path; `{version}` is the release's version.",
    {
      version: "{version}",
    },
  ),
  contains: key(
    z.string().min(1).optional(),
    "Text the body must contain; `{version}` is the release's version.",
    "Welcome",
  ),
  retries: key(count(0, 100).default(5), "Further attempts after the first.", 5),
  interval: key(period().prefault("10s"), "Time between two attempts.", "10s"),
  timeout: key(period().prefault("10s"), "Time for one attempt.", "10s"),
  overall: key(period().prefault("300s"), "Time for all attempts together.", "300s"),
  critical: critical(),
});

export const health = () =>
  key(z.array(z.strictObject(httpKeys())), "Services whose health is asked, before, during and after the rollout.", [
    { name: "gateway", url: "{url}/api/health", body: { version: "{version}" } },
  ]);

const SmokeCheck = z.discriminatedUnion("kind", [
  z.strictObject({ kind: key(z.literal("http"), "An answer over HTTP.", "http"), suite: suite("http"), ...httpKeys() }),
  z.strictObject({
    kind: key(z.literal("tls"), "The certificate is valid, and for long enough.", "tls"),
    name: checkName(),
    suite: suite("tls"),
    url: key(placed(), "Address whose certificate is checked.", "https://shop.example.com"),
    minDaysLeft: key(count(0, 3650).default(14), "Days the certificate must still be valid.", 14),
    critical: critical(),
  }),
  z.strictObject({
    kind: key(z.literal("https-enforced"), "Plain HTTP is redirected to HTTPS.", "https-enforced"),
    name: checkName(),
    suite: suite("https-enforced"),
    url: key(placed(), "The address in plain HTTP.", "http://shop.example.com"),
    critical: critical(),
  }),
  z.strictObject({
    kind: key(z.literal("cors"), "A foreign page may call it.", "cors"),
    name: checkName(),
    suite: suite("cors"),
    url: key(placed(), "Address that is asked.", "{url}/api/items"),
    origin: key(httpUrl(), "Origin that must be allowed.", "https://www.example.com"),
    critical: critical(),
  }),
  z.strictObject({
    kind: key(z.literal("response-time"), "Answers come quickly enough.", "response-time"),
    name: checkName(),
    suite: suite("response-time"),
    url: key(placed(), "Address that is asked.", "{url}/"),
    samples: key(count(1, 1000).default(20), "Requests that are timed.", 20),
    max: key(period(), "The slowest of 20 (the 95th percentile) may take this long.", "500ms"),
    critical: critical(),
  }),
  z.strictObject({
    kind: key(z.literal("tcp"), "A port accepts connections.", "tcp"),
    name: checkName(),
    suite: suite("tcp"),
    host: key(line(), "Host name or address.", "127.0.0.1"),
    port: key(port(), "Port.", 6379),
    critical: critical(),
  }),
]);

const isSavedPart = (text: string): boolean => /^header:[A-Za-z0-9-]+$/.test(text) || parseJsonPath(text) !== undefined;

const Step = z.strictObject({
  name: key(line().max(80), "What the step does.", "sign in"),
  method: key(
    z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]).default("GET"),
    "Method of the request.",
    "POST",
  ),
  path: key(
    z.string().regex(/^\/\S*$/, {
      error: ({ input }) =>
        say(`${shown(input)} does not begin with /`, "write the path only, for example /api/orders"),
    }),
    "Path below the journey's `baseUrl`; `{{name}}` is a value saved by an earlier step.",
    "/api/orders/{{order}}",
  ),
  headers: key(
    z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9-]{1,100}$/, { error: say("that is no header name", "use letters, digits and -") }),
        valueOrSecret(),
      )
      .default({}),
    "Headers; values may use `{{name}}` or be secrets.",
    { authorization: "Bearer {{token}}" },
  ),
  json: key(
    z.unknown().optional(),
    "Body, sent as JSON; `{ secret: NAME }` anywhere in it is replaced by the secret's text.",
    {
      user: "demo",
      password: { secret: "DEMO_PASSWORD" },
    },
  ),
  expect: key(
    z
      .strictObject({
        status: key(count(100, 599).default(200), "Expected status.", 201),
        json: key(expectedBody().default({}), "Expected values in a JSON body, by path.", { "data.state": "paid" }),
        contains: key(z.string().min(1).optional(), "Text the body must contain.", "Thank you"),
      })
      .prefault({}),
    "What the answer must be.",
  ),
  save: key(
    z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, {
          error: say("that is no name for a saved value", "use letters, digits and _"),
        }),
        z.string().refine(isSavedPart, {
          error: say("that is no part of an answer", "write a JSON path such as data.id, or header:<name>"),
        }),
      )
      .default({}),
    "Values for later steps: name and JSON path in the body, or `header:<name>`.",
    { token: "token", order: "data.id" },
  ),
});

const Journey = z.strictObject({
  name: checkName(),
  baseUrl: key(
    placed().default("{url}"),
    "Address its paths are below; the environment's url unless said otherwise.",
    "{url}",
  ),
  suite: suite("journey"),
  critical: critical(),
  steps: key(z.array(Step).min(1), "Requests in this order; values are carried from step to step."),
});

export const Smoke = z
  .strictObject({
    suite: key(
      z.enum(smokeSuites),
      "Which suite is run: essential, full (contains essential) or extended (contains both).",
      "full",
    ),
    timeout: key(period(), "Time for the whole suite.", "5m"),
    maxResponse: key(orOff(period()), "No answer may take longer than this; `off`: not judged.", "2s"),
    checks: key(z.array(SmokeCheck), "Checks of single addresses."),
    journeys: key(z.array(Journey), "Ways of a user through the system, several requests each."),
  })
  .meta({ description: "Checks of what users see, run once the candidate serves (H4)." });
