import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { Plan } from "../../domain/plan.ts";
import { planText } from "./plan-text.ts";
import { widthOf } from "./text.ts";

const plan = {
  environment: "production",
  url: "https://shop.example",
  release: {
    version: "v1.2.0",
    commit: "a".repeat(40),
    author: "Ada\u001b[2J",
    subject: "Add 负载 graphs",
    committedAtMs: Date.UTC(2026, 10, 20),
  },
  artifacts: [{ component: "web", digest: `sha256:${"b".repeat(64)}` }],
  replaces: { version: "v1.1.0", sinceMs: Date.UTC(2026, 10, 19) },
  changes: Array.from({ length: 3 }, (_, at) => ({ sha: `${at}`.repeat(40), author: "Ada", subject: `change ${at}` })),
  findings: [
    { check: "disk", action: "block", verdict: "pass", detail: "84 GB free", hint: "" },
    {
      check: "ci",
      action: "block",
      verdict: "unknown",
      detail: "no CI gate is configured",
      hint: "Set ci.command: sluice validate",
    },
    { check: "load", action: "warn", verdict: "fail", detail: "a load of 9", hint: "See what runs there: uptime" },
  ],
  migrations: [
    {
      database: "main",
      id: "0002_rename",
      class: "contract",
      sql: "alter table users\n\trename to people;\n",
      findings: [
        {
          rule: "rename-table",
          severity: "block",
          statement: "alter table users",
          reason: "the version that serves uses the name",
          recipe: ["Add a view.", "Drop it later."],
        },
      ],
    },
  ],
  steps: [
    { stage: "backup", touches: "backups", lines: ["full dump of main"], expectedMs: 3_000 },
    {
      stage: "rollout",
      touches: "traffic",
      lines: ["10 % of the traffic", "100 % of the traffic"],
      expectedMs: 300_000,
    },
  ],
  foresight: [],
  rollback: ["traffic goes back to v1.1.0"],
  risk: { level: "high", reasons: [{ level: "high", text: "a migration breaks the version that serves" }] },
  targets: [
    { what: "target", kind: "process", fencing: "checked" },
    { what: "web", kind: "builtin", fencing: "enforced" },
  ],
  approvals: { required: 2, approvers: ["ada", "bob"] },
} as unknown as Plan;

const text = (columns = Number.POSITIVE_INFINITY, changesShown = 20): string =>
  planText(plan, "c".repeat(64), { columns, changesShown });

test("P1 the plan names release, changes, checks, steps with their time, the way back, risk, fencing, approvals and digest", () => {
  const shown = stripVTControlCharacters(text());

  for (const part of [
    "v1.2.0 → production",
    "replaces v1.1.0",
    `web sha256:${"b".repeat(64)}`,
    "3 commits since v1.1.0",
    "✓ disk  84 GB free",
    "rollout         5 min  10 % of the traffic",
    "← traffic goes back to v1.1.0",
    "Risk: high",
    "target (process): checked",
    "web (builtin): enforced",
    "2 of ada, bob",
    "c".repeat(64),
  ]) {
    expect(shown).toContain(part);
  }
});

test("F9 a check that did not pass says whether it blocks, and what to do", () => {
  const shown = stripVTControlCharacters(text());

  expect(shown).toContain("✗ ci    unknown, blocks: no CI gate is configured");
  expect(shown).toContain("→ Set ci.command: sluice validate");
  expect(shown).toContain("! load  failed, warns: a load of 9");
});

test("P2 M4 migrations are shown with their statements, and a breaking one with the recipe that does not break", () => {
  const shown = stripVTControlCharacters(text());

  expect(shown).toContain("    │ alter table users\n    │   rename to people;\n");
  expect(shown).toContain(
    "✗ rename-table: alter table users: the version that serves uses the name\n      1. Add a view.\n      2. Drop it later.",
  );
});

test("a long change list is counted, not printed", () => {
  expect(stripVTControlCharacters(text(Number.POSITIVE_INFINITY, 1))).toContain("… and 2 more");
});

test("what others wrote cannot draw on the terminal, and no line but the digest is wider than it", () => {
  const lines = text(72).split("\n");

  expect(text()).not.toContain("\u001b[2J");
  for (const line of lines.filter((each) => !each.includes("cccc")))
    expect(widthOf(line), line).toBeLessThanOrEqual(72);
});

const atForge = { kind: "github", repository: "acme/shop", lacking: null } as const;
const told = (change: object): string =>
  stripVTControlCharacters(
    planText({ ...plan, ...change } as Plan, "d".repeat(64), { columns: 120, changesShown: 20 }),
  );

test("P1 accounts, pull requests and the release at the forge are read off the plan", () => {
  const text = told({
    changes: [
      { sha: "1".repeat(40), author: "Ada", subject: "one", account: "ada", pullRequests: [] },
      {
        sha: "2".repeat(40),
        author: "Bob",
        subject: "two",
        account: "bob",
        pullRequests: [{ number: 7, title: "", account: "carol" }],
      },
      { sha: "3".repeat(40), author: "Eve", subject: "three", account: null },
    ],
    release: { ...plan.release, ref: { kind: "tag", name: "v1.2.0" } },
    atForge: { ...atForge, tag: { commit: "a".repeat(40), release: { name: "Spring", account: "ada" } } },
  });

  expect(text).toContain("1111111 one (Ada @ada)");
  expect(text).toContain("2222222 two (Bob @bob, #7 by @carol)");
  expect(text).toContain("3333333 three (Eve)");
  expect(text).toMatch(/github +released as Spring by @ada at acme\/shop/);
});

test.each([
  [{ tag: null }, "acme/shop has no tag v1.2.0"],
  [{ tag: { commit: "b".repeat(40), release: null } }, "stands for another commit: bbbbbbbbbbbb"],
  [{ lacking: "GitHub gave no answer" }, "not all is known of the change list: GitHub gave no answer"],
])("P1 what the forge lacks or has otherwise is said: %j", (known, said) => {
  const release = { ...plan.release, ref: { kind: "tag", name: "v1.2.0" } };

  expect(told({ release, atForge: { ...atForge, ...known } })).toContain(said);
});
