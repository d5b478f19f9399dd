/** What is said of files that are missing, empty or wrong in several places, and what is warned about. */
import { describe, expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import { ConfigurationFaults } from "./faults.ts";
import { loadConfiguration, readConfiguration } from "./load.ts";

const smallest = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
environments: { dev: { policy: basic } }
`;

/** Undefined where the text is a configuration. */
function refusalOf(text: string): ConfigurationFaults | undefined {
  try {
    loadConfiguration({ file: "sluice.yaml", text });
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ConfigurationFaults) return thrown;
    throw thrown;
  }
}

test("W3 the smallest file is a configuration without warnings", () => {
  const { configuration, warnings } = loadConfiguration({ file: "sluice.yaml", text: smallest });

  expect(configuration.project).toBe("shop");
  expect(Object.keys(configuration.components)).toEqual(["web"]);
  expect(warnings).toEqual([]);
});

test("W3 all faults are told at once, in the order of the file, as one message and as data", () => {
  const refusal = refusalOf(smallest.replace("sluice: 1", "sluise: 1").replace("8080", "0").replace("basic", "basci"));

  expect(refusal?.failure.code).toBe("CONFIG_INVALID");
  expect(refusal?.message.split("\n")).toEqual([
    'sluice.yaml:1:1  sluice  "sluice" is missing → add sluice: 1',
    'sluice.yaml:1:1  sluise  unknown key "sluise" → did you mean "sluice"?',
    "sluice.yaml:3:63  components.web.route.port  0 is out of range → write at least 1",
    'sluice.yaml:4:32  environments.dev.policy  "basci" is not allowed here → did you mean "basic"?',
  ]);
  expect(refusal?.failure.hint).toMatch(/run: sluice validate$/);
  expect(refusal?.faults.map(({ line }) => line)).toEqual([1, 1, 3, 4]);
});

test("W3 a missing file is CONFIG_MISSING and says how to write one", () => {
  const readFile = (): string => {
    throw new Error("ENOENT");
  };

  const read = () => readConfiguration({ file: "sluice.yaml", readFile });

  expect(read).toThrowError(SluiceError);
  expect(read).toThrowError(
    expect.objectContaining({
      failure: expect.objectContaining({ code: "CONFIG_MISSING", hint: expect.stringMatching(/sluice init$/) }),
    }),
  );
});

test.each([
  ["nothing", ""],
  ["spaces and comments", "  \n# nothing yet\n"],
  ["a null", "~\n"],
])("W3 a file of %s is empty", (_name, text) => {
  expect(refusalOf(text)?.message).toBe("sluice.yaml:1:1  the file is empty → write it by: sluice init");
});

test("W3 a file that is a list is refused at its beginning", () => {
  expect(refusalOf("- sluice: 1\n")?.message).toContain("sluice.yaml:1:1  the file is not a mapping");
});

test("W3 a file from an editor of Windows is read like any other", () => {
  expect(refusalOf(`\ufeff${smallest.replaceAll("\n", "\r\n")}`)).toBeUndefined();
});

test("K1 what may be a secret in the wrong place is not repeated in the message", () => {
  const text = smallest.replace("route:", "environment: { API_TOKEN: 8675309 }, route:");

  const refusal = refusalOf(text);

  expect(refusal?.message).toContain("components.web.environment.API_TOKEN");
  expect(refusal?.message).not.toContain("8675309");
});

test("K1 a text that looks like a secret is warned about, by its name only", () => {
  const text = smallest.replace("route:", "environment: { API_TOKEN: hunter2 }, route:");

  const { warnings } = loadConfiguration({ file: "sluice.yaml", text });

  expect(warnings.map(({ path }) => path)).toEqual(["components.web.environment.API_TOKEN"]);
  expect(JSON.stringify(warnings)).not.toContain("hunter2");
});

describe("W3 warnings", () => {
  const warningsOf = (environment: string, more = "") =>
    loadConfiguration({
      file: "sluice.yaml",
      text: `${smallest.replace("{ policy: basic }", environment)}${more}`,
      readFile: () => "ada ssh-ed25519 A\nbob ssh-ed25519 B\n",
    }).warnings.map(({ path, what }) => `${path} ${what}`);

  test.each([
    [
      "a step held for less than a check",
      "{ policy: basic, rollout: { steps: [{ percent: 100, bake: 5s }] } }",
      "",
      "rollout.steps[0].bake health is checked every 10s",
    ],
    [
      "verified backups of nothing",
      "{ policy: basic, backup: { policy: verified } }",
      "",
      "backup.policy verified backups are asked for",
    ],
    [
      "an unused secret",
      "{ policy: basic }",
      "secrets: { A: { env: A } }\n",
      "secrets.A the secret A is declared and not used",
    ],
    [
      "a watch too short to fail",
      "{ policy: basic, observation: { duration: 1m } }",
      "",
      "observation.duration 2 probes fit into 1m",
    ],
    [
      "a CI command without the commit",
      "{ policy: basic, ci: { command: [ci] } }",
      "",
      "ci.command the command is not told which commit",
    ],
    [
      "unsigned approvals in standard",
      '{ policy: standard, health: [{ name: a, url: "http://a" }], approvals: { required: 0, acceptDeclared: true } }',
      "",
      "approvals.acceptDeclared",
    ],
    [
      "approvers who are all needed",
      '{ policy: standard, health: [{ name: a, url: "http://a" }], approvals: { required: 2, approvers: [ada, bob], allowedSigners: s } }',
      "",
      "approvals.required 2 approvals are required, and there are 2 approvers",
    ],
    ["no health check", "{ policy: standard, approvals: { required: 0 } }", "", "health no health check is declared"],
  ])("tell of %s", (_name, environment, more, expected) => {
    const warnings = warningsOf(environment, more);

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(expected);
  });
});
