/** The first file that `sluice init` writes is valid without a change, whatever the project looks like. */
import { expect, test } from "vitest";
import { describeEnvironment } from "./describe.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";
import { configurationTemplate, type TemplateOptions } from "./template.ts";

const web = { name: "web", command: ["node", "web server.mjs"], port: 8080 };

const projects: readonly (TemplateOptions & { readonly title: string })[] = [
  { title: "one component", project: "shop", components: [web] },
  { title: "a worker only", project: "jobs", components: [{ name: "worker", command: ["./worker"] }] },
  {
    title: "two components whose staging ports would collide",
    project: "shop",
    components: [
      {
        name: "api",
        command: ["node", "api.mjs"],
        build: [["npm", "ci"]],
        workingDirectory: "services/api",
        port: 8080,
      },
      { ...web, port: 9080, readyPath: "/up" },
    ],
  },
  {
    title: "a database, migrations and approvers",
    project: "shop",
    components: [web],
    databaseSecret: "DATABASE_URL",
    migrations: { pending: ["node", "m.mjs", "pending"], apply: ["node", "m.mjs", "up"] },
    approvals: { approvers: ["ada", "bob"], allowedSigners: ".sluice-signers" },
    schema: "./sluice.schema.json",
  },
];

const readFile = (): string => "ada ssh-ed25519 AAAA\nbob ssh-ed25519 BBBB\n";

test.each(projects)("W3 the first file for $title is valid without a warning", (options) => {
  const text = configurationTemplate(options);

  const { configuration, warnings } = loadConfiguration({ file: "sluice.yaml", text, readFile });

  // Without a route there is nothing to ask over HTTP; that is worth a warning and no more.
  const expected = options.components.some(({ port }) => port !== undefined) ? [] : ["environments.production.health"];
  expect(warnings.map(({ path }) => path)).toEqual(expected);
  expect(Object.keys(configuration.environments)).toEqual(["staging", "production"]);
  expect(text.split("\n").filter((line) => line.trim().startsWith("#")).length).toBeGreaterThan(3);
});

test("F8 an environment is described with its row of the table, overridden cells marked", () => {
  const text = configurationTemplate({ project: "shop", components: [web] }).replace(
    "policy: standard",
    "policy: standard\n    checks: { load: block }",
  );
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text });
  const settings = resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile });

  const { checks, facts, strictness } = describeEnvironment(settings);

  expect(strictness).toBe("standard");
  expect(checks.filter(({ overridden }) => overridden)).toEqual([
    expect.objectContaining({
      name: "load",
      levels: { basic: "off", standard: "warn", strict: "warn" },
      action: "block",
    }),
  ]);
  expect(checks.find(({ name }) => name === "ci")).toMatchObject({ action: "warn", overridden: false });
  expect(facts).toContainEqual({ label: "rollout", value: "10 % for 5m, then 50 % for 5m, then 100 % for 5m" });
  expect(facts).toContainEqual({ label: "approvals", value: "none required" });
});
