/** From a configuration to the settings of an environment: which layer wins, what a policy gives, where paths and secrets lead. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { checkActionsOf, strictnessLevels } from "../domain/checks.ts";
import { SluiceError } from "../domain/errors.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";
import { resolveSecrets } from "./secrets.ts";

const minute = 60_000;

/** `environment` stands behind `production:`, `more` at the top. */
function settingsOf(environment: string, more = ""): EnvironmentSettings {
  const text = `sluice: 1
project: shop
components:
  web: { command: [node, web.mjs], environment: { LOG: info, KEY: { secret: KEY } }, route: { port: 8080 } }
  jobs: { command: [node, jobs.mjs], workingDirectory: services/jobs }
secrets: { KEY: { env: KEY, required: false } }
databases: { main: { kind: sqlite, file: data/shop.sqlite } }
notify: { log: { kind: log-file, file: logs/n.log }, team: { kind: webhook, url: "https://hooks.example.com/x" } }
environments: { production: ${environment} }
${more}`;
  const readFile = (): string => "ada ssh-ed25519 AAAA\nbob ssh-ed25519 BBBB\neve ssh-ed25519 CCCC\n";
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile });
}

const withPolicy = (policy: string): EnvironmentSettings =>
  settingsOf(
    `{ policy: ${policy}, ci: { command: [ci, "{commit}"] }, approvals: { approvers: [ada, bob, eve], allowedSigners: signers } }`,
  );

describe("F8 P6 what a policy gives", () => {
  test.each([
    {
      policy: "basic",
      required: 0,
      acceptDeclared: true,
      excludeAuthor: false,
      waitMs: 0,
      backup: "optional",
      suite: "essential",
    },
    {
      policy: "standard",
      required: 1,
      acceptDeclared: false,
      excludeAuthor: false,
      waitMs: 0,
      backup: "always",
      suite: "full",
    },
    {
      policy: "strict",
      required: 2,
      acceptDeclared: false,
      excludeAuthor: true,
      waitMs: 5 * minute,
      backup: "verified",
      suite: "extended",
    },
  ] as const)("$policy: approvals, backup and smoke suite", ({ policy, backup, suite, ...approvals }) => {
    const settings = withPolicy(policy);

    expect(settings.strictness).toBe(policy);
    expect(settings.approvals).toMatchObject(approvals);
    expect(settings.backup.policy).toBe(backup);
    expect(settings.smoke.suite).toBe(suite);
    expect(settings.checks).toEqual(checkActionsOf(policy, {}));
    expect(settings.overrides).toEqual([]);
  });

  test.each([
    {
      policy: "basic",
      steps: [
        [10, 5],
        [50, 5],
        [100, 5],
      ],
      durationMs: 5 * minute,
      everyMs: 30_000,
    },
    {
      policy: "standard",
      steps: [
        [10, 5],
        [50, 5],
        [100, 5],
      ],
      durationMs: 5 * minute,
      everyMs: 30_000,
    },
    {
      policy: "strict",
      steps: [
        [5, 5],
        [50, 10],
        [100, 15],
      ],
      durationMs: 15 * minute,
      everyMs: 60_000,
    },
  ] as const)("$policy: rollout and observation", ({ policy, steps, durationMs, everyMs }) => {
    const { observation, rollout } = withPolicy(policy);

    expect(rollout.steps).toEqual(steps.map(([percent, minutes]) => ({ percent, bakeMs: minutes * minute })));
    expect(rollout).toMatchObject({
      checkEveryMs: 10_000,
      failureLimit: 3,
      onUnknown: "roll-back",
      unattendedMs: minute,
    });
    expect(observation).toMatchObject({ durationMs, everyMs, failureLimit: 3, minSuccessRatio: 0.95, minProbes: 20 });
  });

  test("standard holds where no policy is named", () => {
    expect(settingsOf("{ approvals: { required: 0 } }").strictness).toBe("standard");
  });

  test.each(strictnessLevels)("%s leaves nothing undefined, and is plain JSON", (policy) => {
    const settings = withPolicy(policy);

    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
    expect(inspect(settings, { depth: null })).not.toContain("undefined");
  });
});

describe("W3 which layer wins", () => {
  test("an environment over defaults, defaults over the policy, key by key", () => {
    const settings = settingsOf(
      "{ policy: basic, rollout: { failureLimit: 7, limits: { errorRate: off } } }",
      "defaults: { policy: strict, rollout: { failureLimit: 5, checkEvery: 5s, limits: { meanLatency: 300ms } } }",
    );

    expect(settings.strictness).toBe("basic");
    expect(settings.rollout).toMatchObject({ failureLimit: 7, checkEveryMs: 5000, drainTimeoutMs: 30_000 });
    expect(settings.rollout.limits).toMatchObject({ errorRate: null, meanLatencyMs: 300, p95LatencyMs: 2000 });
  });

  test("F8 a cell of the table is overridden, and only a differing one is named as such", () => {
    const { checks, overrides } = settingsOf("{ policy: basic, checks: { load: block, ci: off } }");

    expect(checks.load).toBe("block");
    expect(overrides).toEqual(["load"]);
  });

  test("lists are replaced, not joined", () => {
    expect(settingsOf('{ policy: basic, tags: ["r*"] }', 'defaults: { tags: ["v*"] }').tags).toEqual(["r*"]);
  });

  test("ports and variables are laid over the component's own", () => {
    const { components } = settingsOf(
      "{ policy: basic, ports: { web: 9090 }, variables: { web: { THEME: dark, LOG: debug } } }",
    );

    expect(components[0]).toMatchObject({
      name: "web",
      environment: { LOG: "debug", KEY: { secret: "KEY" }, THEME: "dark" },
      route: { host: "127.0.0.1", port: 9090 },
    });
    expect(components[1]?.route).toBeNull();
  });

  test("X1 the action of the observation is one setting under two names", () => {
    const { observation, rollback } = settingsOf("{ policy: basic, rollback: { on: { observation: hold } } }");

    expect([observation.action, rollback.on.observation]).toEqual(["hold", "hold"]);
  });

  test("N3 an environment tells all channels, or those it names", () => {
    expect(settingsOf("{ policy: basic }").notify.map(({ name }) => name)).toEqual(["log", "team"]);
    expect(settingsOf("{ policy: basic, notify: [team] }").notify.map(({ name }) => name)).toEqual(["team"]);
  });
});

test("paths are absolute below the project; a component's folder stays inside its release", () => {
  const settings = settingsOf("{ policy: basic, backup: { folder: /var/backups } }");

  expect(settings.databases).toEqual([{ name: "main", kind: "sqlite", file: "/project/data/shop.sqlite" }]);
  expect(settings.target.root).toBe("/project/.sluice/run/production");
  expect(settings.router.state).toBe("/project/.sluice/router/production");
  expect(settings.records.folder).toBe("/project/deployment-logs");
  expect(settings.backup.folder).toBe("/var/backups");
  expect(settings.components[1]?.workingDirectory).toBe("services/jobs");
});

test("H1 {url} becomes the environment's url, and {version} stays for the release", () => {
  const { health } = settingsOf(
    '{ policy: basic, url: "https://shop.example.com/", health: [{ name: web, url: "{url}/health?v={version}" }] }',
  );

  expect(health[0]).toEqual({
    name: "web",
    url: "https://shop.example.com/health?v={version}",
    status: 200,
    body: {},
    contains: null,
    retries: 5,
    intervalMs: 10_000,
    timeoutMs: 10_000,
    overallMs: 300_000,
    critical: true,
  });
});

test("H4 a smoke check without a suite has the one of the table", () => {
  const { smoke } = settingsOf(`{ policy: basic, url: "http://a", smoke: { maxResponse: off, checks: [
    { kind: tls, name: a, url: "https://a" }, { kind: tcp, name: b, host: a, port: 1 }, { kind: response-time, name: c, url: "{url}/", max: 1s },
    { kind: http, name: d, url: "{url}/", suite: extended } ] } }`);

  expect(smoke.checks.map(({ kind, suite }) => [kind, suite])).toEqual([
    ["tls", "full"],
    ["tcp", "essential"],
    ["response-time", "extended"],
    ["http", "extended"],
  ]);
  expect(smoke.maxResponseMs).toBeNull();
});

test("ENVIRONMENT_UNKNOWN names the environments that there are, and the likely one", () => {
  const { configuration } = loadConfiguration({
    file: "sluice.yaml",
    text: "sluice: 1\nproject: a\ncomponents: { web: { command: [a] } }\nenvironments: { staging: { policy: basic }, production: { policy: basic } }\n",
  });

  const resolve = () => resolveEnvironment(configuration, "prodction", { projectFolder: "/p", readFile: () => "" });

  expect(resolve).toThrowError(SluiceError);
  expect(resolve).toThrowError(
    expect.objectContaining({
      failure: expect.objectContaining({
        code: "ENVIRONMENT_UNKNOWN",
        message: expect.stringContaining("staging, production"),
        hint: expect.stringContaining('Did you mean "production"?'),
      }),
    }),
  );
});

describe("F1 K1 secrets", () => {
  const settings = settingsOf(
    "{ policy: basic, secrets: { KEY: { env: PROD_KEY } }, variables: { web: { A: { secret: FROM_FILE }, B: { secret: EMPTY }, C: { secret: GONE } } } }",
    "defaults: { secrets: { FROM_FILE: { file: run/key }, EMPTY: { env: EMPTY }, GONE: { file: /run/gone, required: false } } }",
  );
  const readFile = (path: string): string => {
    if (path === "/project/run/key") return "hunter2\r\n";
    throw new Error("no such file");
  };

  test("come from the environment or a file, by the environment's own source, without the newline at the end", () => {
    const { secrets } = resolveSecrets(settings, { environment: { PROD_KEY: "prod", KEY: "wrong" }, readFile });

    expect([...secrets].map(([name, secret]) => [name, secret.reveal()])).toEqual([
      ["KEY", "prod"],
      ["FROM_FILE", "hunter2"],
    ]);
    expect(inspect(secrets)).not.toContain("hunter2");
  });

  test("that are missing or empty are named with their source and whether they are required", () => {
    const { missing } = resolveSecrets(settings, { environment: { EMPTY: "" }, readFile });

    expect(missing).toEqual([
      { name: "KEY", source: "the environment variable PROD_KEY", required: false },
      { name: "EMPTY", source: "the environment variable EMPTY", required: true },
      { name: "GONE", source: "the file /run/gone", required: false },
    ]);
  });
});
