/** That any text ends in a configuration or in faults, soon; and what is said of files that are missing, empty or too big. */
import fc from "fast-check";
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

describe("W3 hostile text is refused quickly:", () => {
  const bomb = [
    "a: &a [x, x, x, x, x, x, x, x, x]",
    ..."bcdefghi"
      .split("")
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(", ")}]`),
  ].join("\n");
  const million = 1 << 20;

  test.each([
    ["an alias bomb", bomb, "aliases stand for too much"],
    [
      "5,000 aliases",
      Array.from({ length: 5000 }, (_, index) => `- *a${index}`).join("\n"),
      "aliases stand for too much",
    ],
    [
      "900 environments of 900 components",
      `sluice: 1\nproject: a\ncomponents: {${Array.from({ length: 900 }, (_, index) => `c${index}: {command: [a], route: {port: 1}}`).join(",")}}\nenvironments: {${Array.from({ length: 900 }, (_, index) => `e${index}: {policy: basic}`).join(",")}}`,
      "more than 50 environments",
    ],
    ["a value that contains itself", "a: &a { b: *a }", "aliases stand for too much, or for themselves"],
    ["20,000 opening brackets", "[".repeat(20_000), "nested more than 32 levels"],
    ["20,000 opening braces", "{a: ".repeat(20_000), "nested more than 32 levels"],
    ["20,000 dashes", "- ".repeat(20_000), "nested too deeply"],
    [
      "deep indentation",
      Array.from({ length: 60 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
      "nested more than 32 levels",
    ],
    ["2 MB", "a: 1\n".repeat(400_000), "the limit is 1 MiB"],
    ["a hundred thousand keys", Array.from({ length: 100_000 }, (_, index) => `k${index}:`).join("\n"), "far too long"],
    ["5,000 keys", Array.from({ length: 5000 }, (_, index) => `k${index}: 1`).join("\n"), 'unknown key "k0"'],
    ["a megabyte of commas", `[${",".repeat(million - 10)}`, ""],
    ["a megabyte in one text", `a: "${"x".repeat(million - 10)}"`, 'unknown key "a"'],
    ["a key of every object", "__proto__: { a: 1 }", "__proto__ is reserved"],
  ])("%s", (_name, text, expected) => {
    const begun = performance.now();

    const refusal = refusalOf(text);

    expect(performance.now() - begun).toBeLessThan(1000);
    expect(refusal?.message).toContain(expected);
    expect(refusal?.message.length).toBeLessThan(20_000);
  });
});

test("W3 whatever is written, it ends in a configuration or in faults with places", () => {
  const words = [
    "sluice",
    "project",
    "components",
    "environments",
    "policy",
    "a",
    "1.10",
    "v*",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    ",",
    "&a ",
    "*a",
    "!x ",
    '"',
    "'",
    "#",
    "|",
    ">",
    "? ",
    "<<",
    "\t",
    "%",
    "---\n",
    "~",
    "yes",
    "\u0000",
    "é",
    "constructor",
    "__proto__",
  ];
  const yamlish = fc.array(fc.constantFrom(...words), { maxLength: 80 }).map((parts) => parts.join(""));
  const appended = yamlish.map((text) => `${smallest}${text}`);
  const cut = fc
    .tuple(fc.nat(smallest.length), fc.nat(smallest.length), yamlish)
    .map(([from, to, text]) => smallest.slice(0, from) + text + smallest.slice(to));

  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), yamlish, appended, cut), (text) => {
      for (const { line, column, what, fix } of refusalOf(text)?.faults ?? []) {
        expect(line).toBeGreaterThan(0);
        expect(column).toBeGreaterThan(0);
        expect(what).not.toBe("");
        expect(fix).not.toBe("");
      }
    }),
    { numRuns: 1000 },
  );
});

test("W3 any JSON value in any section is taken or refused, never a crash", () => {
  const keys = ["secrets", "components", "databases", "migrations", "notify", "defaults", "environments"];
  const inner = [
    "rollout",
    "health",
    "smoke",
    "approvals",
    "variables",
    "ports",
    "secrets",
    "journeys",
    "steps",
    "web",
    "dev",
    "main",
    "kind",
    "url",
  ];
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom("postgres", "5m", "{url}", "v*"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...inner), tie("value"), { maxKeys: 4 }),
    ),
  }));

  fc.assert(
    fc.property(fc.constantFrom(...keys), value, (key, data) => {
      const text = JSON.stringify({
        sluice: 1,
        project: "shop",
        components: { web: { command: ["a"] } },
        environments: { dev: { policy: "basic" } },
        [key]: data,
      });
      const refusal = refusalOf(text);
      expect(refusal === undefined || refusal.faults.length > 0).toBe(true);
    }),
    { numRuns: 500 },
  );
});
