/** What is deployed: components, their databases, migrations, secrets by name. */
import { z } from "zod";
import {
  argv,
  count,
  duration,
  file,
  freeHeader,
  headerToken,
  innerFolder,
  key,
  line,
  name,
  period,
  port,
  say,
  secretName,
  valueOrSecret,
  variableName,
} from "./schema-values.ts";

const variables = () => z.record(variableName(), valueOrSecret());

/** `{ env: NAME }` or `{ file: path }`: where a secret's text comes from, never the text itself (K1). */
export const SecretSourceSchema = z
  .strictObject({
    env: key(
      variableName().optional(),
      "Environment variable of Sluice's own process that holds the text.",
      "SHOP_DATABASE_URL",
    ),
    file: key(
      file().optional(),
      "File that holds the text; newlines at its end are dropped.",
      "/run/secrets/database-url",
    ),
    required: key(
      z.boolean().optional(),
      "Without a required secret nothing is deployed; a missing optional one only warns. True unless said otherwise.",
      false,
    ),
  })
  .refine((source) => (source.env === undefined) !== (source.file === undefined), {
    error: say("a secret has exactly one source", "write { env: NAME } or { file: path }"),
  });

export const secrets = () =>
  key(
    z.record(secretName(), SecretSourceSchema),
    "Every secret by name, and where its text comes from; never the text itself.",
    { SHOP_DATABASE_URL: { env: "SHOP_DATABASE_URL" } },
  );

const Ready = z.strictObject({
  path: key(
    z
      .string()
      .regex(/^\/\S*$/, { error: say("the path does not begin with /", "write for example /health") })
      .default("/health"),
    "Path that is asked until the instance is ready.",
    "/health",
  ),
  status: key(count(100, 599).default(200), "Status of a ready answer.", 200),
  version: key(
    z.boolean().default(true),
    "The ready answer's JSON body must name the deployed version under the key `version`, so that a stale process is not taken for the new one.",
    true,
  ),
  interval: key(period().prefault("100ms"), "Time between two questions.", "100ms"),
  timeout: key(period().prefault("30s"), "Without a ready answer for this long the start has failed.", "30s"),
});

const Sticky = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: key(z.literal("cookie"), "By a cookie of the router's own, given to whoever has none.", "cookie"),
    name: key(headerToken().default("sluice-visitor"), "Name of the cookie.", "sluice-visitor"),
    secure: key(z.boolean().default(false), "Browsers send it over TLS only.", true),
    forward: key(z.boolean().default(false), "The component sees the cookie too.", true),
  }),
  z.strictObject({
    kind: key(z.literal("header"), "By a header that something before the router sets.", "header"),
    name: key(freeHeader(), "Name of the header; a request without it goes by chance.", "x-user-id"),
  }),
]);

const Testers = z.strictObject({
  header: key(
    freeHeader().default("x-sluice-version"),
    "Header by which a tester chooses: `candidate`, `stable` or a version, whatever the weights; the component does not see it.",
    "x-sluice-version",
  ),
  token: key(
    z.strictObject({ secret: key(secretName(), "Name of a secret.", "TESTER_TOKEN") }).optional(),
    "Secret that must follow the choice after a blank, as in `candidate <token>`; without it everybody may choose.",
    { secret: "TESTER_TOKEN" },
  ),
});

const Route = z
  .strictObject({
    host: key(line().default("127.0.0.1"), "Address the router listens at.", "127.0.0.1"),
    port: key(port(), "Port the router listens at.", 8080),
    sticky: key(
      Sticky.optional(),
      "A user keeps one version while the weights stay, and moves only towards the version whose weight rises. Without it every request goes by the weights.",
      { kind: "cookie", secure: true },
    ),
    testers: key(
      Testers.optional(),
      "Testers reach a version whatever the weights, as long as it is started; their requests do not count for the verdict.",
      { header: "x-sluice-version", token: { secret: "TESTER_TOKEN" } },
    ),
  })
  .refine(({ sticky, testers }) => sticky?.kind !== "header" || sticky.name !== testers?.header, {
    path: ["testers", "header"],
    error: say("the same header decides twice", "give the testers a header of their own"),
  });

const Component = z.strictObject({
  build: key(z.array(argv()).default([]), "Commands that build it, run in the exported release in this order.", [
    ["npm", "ci"],
  ]),
  command: key(argv(), "Command that runs it, as a list of words; `{port}` becomes the instance's port.", [
    "node",
    "server.mjs",
  ]),
  workingDirectory: key(innerFolder().default("."), "Folder inside the release to run in.", "services/gateway"),
  environment: key(variables().default({}), "Variables of its process: text, or the name of a secret.", {
    LOG_LEVEL: "info",
    DATABASE_URL: { secret: "SHOP_DATABASE_URL" },
  }),
  instances: key(count(1, 100).default(1), "Processes of each version.", 2),
  stopTimeout: key(duration().prefault("10s"), "Between the polite stop (SIGTERM) and the forced one.", "10s"),
  ready: key(Ready.prefault({}), "How an instance says that it is ready for its first request."),
  route: key(
    Route.optional(),
    "Where clients reach it, through the router. Without a route it is a worker: it gets no traffic and is replaced at the end of the rollout.",
    { port: 8080 },
  ),
});

export const components = () =>
  key(
    z
      .record(name("a component"), Component)
      .refine((all) => Object.keys(all).length > 0, {
        error: say("there is no component", "name at least one, with its command"),
      })
      .refine((all) => Object.keys(all).length <= 100, {
        error: say("there are more than 100 components", "deploy what belongs together, and split the rest"),
      }),
    "What is deployed, by name, in the order in which it is started and shifted.",
  );
