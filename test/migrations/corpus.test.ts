import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { postgresGrammar } from "../../src/adapters/postgres-grammar/grammar.ts";
import { lintMigrations } from "../../src/domain/migrations/lint.ts";
import { migrationRules } from "../../src/domain/migrations/rules.ts";
import { type Example, harmless, own, squawk, strongMigrations } from "./corpus.ts";
import { migrationsPage } from "./page.ts";

const grammar = postgresGrammar();
const all = [...squawk, ...strongMigrations, ...own];
const read = await grammar.read([...all.map(({ sql }) => sql), ...harmless], AbortSignal.timeout(60_000));
const found = read.map((reading) => lintMigrations([{ id: "1", reading }])[0]!);

const rulesOf = (example: Example) => [...new Set(found[all.indexOf(example)]?.findings.map(({ rule }) => rule))];

describe.each([
  ["squawk", squawk],
  ["strong_migrations", strongMigrations],
  ["rule", own],
] as const)("examples of %s", (source, examples) => {
  test.each(examples)(`M4 ${source} $rule: $sql`, (example) => {
    expect(rulesOf(example).toSorted()).toEqual(example.expects.toSorted());
  });
});

test.each(harmless.map((sql, at) => ({ sql, at })))("M4 lets pass: $sql", ({ at }) => {
  expect(found[all.length + at]?.findings.map(({ rule, reason }) => `${rule}: ${reason}`)).toEqual([]);
});

test("M4 an example that is not found says why", () => {
  expect(all.filter(({ expects, why }) => expects.length === 0 && why === undefined)).toEqual([]);
});

test("M4 every rule but those of the history is proven by an example", () => {
  const proven = new Set(all.flatMap(({ expects }) => expects));
  const unproven = Object.entries(migrationRules).filter(([id]) => !proven.has(id as keyof typeof migrationRules));

  expect(unproven.map(([, { number }]) => number)).toEqual([14, 14, 14]);
});

test("M4 docs/migrations.md is what the rules and examples say (else: npm run generate)", () => {
  expect(readFileSync(join(import.meta.dirname, "../../docs/migrations.md"), "utf8")).toBe(migrationsPage());
});

test("M4 every source that a rule names has an example", () => {
  const named = Object.values(migrationRules).flatMap(({ sources }) => sources);
  const listed = (tool: RegExp) =>
    named.flatMap((source) => (tool.test(source) ? source.replace(tool, "").split(", ") : []));
  const names = (examples: readonly Example[]) => examples.map(({ rule }) => rule.replace(/ \(.*\)$/, ""));

  expect(listed(/^squawk /).filter((name) => !names(squawk).includes(name))).toEqual([]);
  expect(listed(/^strong_migrations: /).filter((name) => !names(strongMigrations).includes(name))).toEqual([]);
});
