/** Whatever the text is, it ends in a configuration or in faults with places, and soon. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { threadCpuMs } from "../testing/cpu-time.ts";
import { ConfigurationFaults } from "./faults.ts";
import { loadConfiguration } from "./load.ts";

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
    const begun = threadCpuMs();

    const refusal = refusalOf(text);

    expect(threadCpuMs() - begun).toBeLessThan(1000);
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
