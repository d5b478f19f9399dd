/** W2: the generated workflows, read by GitHub's own parser; and the command that writes them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { openProject } from "../../src/app/project.ts";
import { workflowFacts } from "../../src/app/workflow-facts.ts";
import { type WorkflowFile, workflowFiles } from "../../src/app/workflow-files.ts";
import { run } from "../../src/cli/program.ts";
import { lintAction, lintWorkflow } from "./lint.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function projectWith(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-workflows-"));
  folders.push(folder);
  writeFileSync(join(folder, "sluice.yaml"), lines.join("\n"));
  return folder;
}

const filesOf = (lines: readonly string[]): readonly WorkflowFile[] =>
  workflowFiles(workflowFacts(openProject(projectWith(lines))));

const head = ["sluice: 1", "project: shop", 'components: { web: { command: ["node", "web.mjs"] } }'];
const small = [...head, "environments: { production: { policy: basic } }"];
/** What the five source systems had: tags into production, main into staging, a call by ci-cd, a rollback, a status, backups. */
const full = [
  ...head,
  "secrets:",
  "  GITHUB_TOKEN: { env: GITHUB_TOKEN }",
  "  SHOP_DATABASE_URL: { env: PROD_DATABASE_URL }",
  "  APP_KEY: { env: GITHUB_APP_KEY }",
  ...["SLACK_WEBHOOK", "MAIL_PASSWORD", "PAGER_KEY", "S3_KEY", "S3_SECRET"].map(
    (name) => `  ${name}: { env: ${name} }`,
  ),
  "github: { repository: acme/shop, token: { secret: GITHUB_TOKEN } }",
  "databases: { main: { kind: postgres, url: { secret: SHOP_DATABASE_URL } } }",
  "notify: { github: { kind: github, workflows: [e2e.yml], tell: [deployments, issues, candidates] } }",
  "environments:",
  "  staging: { policy: basic, tags: [], branches: [main, release/*+x], start: [branch-push, dispatch], notify: [] }",
  "  uat: { policy: basic, branches: [main], start: [call, dispatch] }",
  "  development: { policy: basic, start: [] }",
  "  production:",
  "    policy: basic",
  '    url: "https://shop.example.com/?a=\\"b\\""',
  "    start: [tag-push, dispatch]",
  "    ci: { checks: [test] }",
  "    notify: [github]",
  '    schedules: { nightly: { cron: "0 2 * * *", run: backup } }',
  'workflows: { runsOn: [self-hosted, production], tests: [[npm, ci], [npm, run, "it\'s a test; $(x)"]] }',
];
const pinned = [...small, `workflows: { action: acme/actions/sluice@${"0123456789".repeat(4)} }`];
const withSecrets = (count: number) => [
  ...head,
  `environments: { ${Array.from({ length: 12 }, (_, at) => `env-${at}: { policy: basic, branches: [main] }`).join(", ")} }`,
  `secrets: { ${Array.from({ length: count }, (_, at) => `SECRET_${at}: { env: SECRET_${at} }`).join(", ")} }`,
];

const yamlOf = (files: readonly WorkflowFile[]) => files.filter(({ name }) => !name.startsWith(".."));
const textOf = (files: readonly WorkflowFile[], name: string) => files.find((file) => file.name === name)?.text ?? "";

describe("W2 GitHub's own parser and the rules of the house", () => {
  test.for([
    ["one environment", small, 5],
    ["what the sources had", full, 8],
    ["a pinned Action elsewhere", pinned, 5],
    ["twelve environments and 16 secrets", withSecrets(16), 16],
  ] as const)("W2 T3 find nothing in the workflows of %s", async ([, lines, count]) => {
    const files = yamlOf(filesOf(lines));

    expect(files.map(({ name }) => name)).toHaveLength(count);
    for (const { name, text } of files) expect(await lintWorkflow(name, text), `${name}\n${text}`).toEqual([]);
  });

  test("W2 nor does the number of secrets make one of them too long", async () => {
    for (const count of [0, 1, 2, 3, 4, 8, 12]) {
      const files = yamlOf(filesOf(withSecrets(count)));
      for (const { name, text } of files) expect(await lintWorkflow(name, text), `${name}\n${text}`).toEqual([]);
    }
  });

  test("W2 nor in the Action", () => {
    const text = readFileSync(join(import.meta.dirname, "../../action/action.yml"), "utf8");

    expect(lintAction("action.yml", text)).toEqual([]);
    expect(lintAction("action.yml", text.replace("using: node24", "using: node17"))).not.toEqual([]);
  });

  const good = textOf(filesOf(full), "deploy-production.yml");
  test.for([
    ["an unknown key", "    timeout-minutes:", "    timeout-minuets:"],
    ["a wrong type", /timeout-minutes: \d+/, "timeout-minutes: soon"],
    ["a bad expression", "inputs.version ||", "inputs.version |"],
    ["an unknown function", "always()", "sometimes()"],
    ["an action by its tag", /@[0-9a-f]{40} # (v\d+)\S*/, "@$1"],
    ["a pin that does not say its version", / # v\d.*/, ""],
    [
      "an expression in a script",
      "    steps:",
      '    steps:\n      - run: echo "${{ github.event.head_commit.message }}"',
    ],
    ["no permissions", /permissions: .*\n/, ""],
    ["41 lines", /$/, "#\n".repeat(10)],
    ["a running deployment that may be cancelled", "cancel-in-progress: false", "cancel-in-progress: true"],
    ["no time limit", / {4}timeout-minutes: \d+\n/, ""],
    ["the event that runs strangers' code with secrets", "on:\n", "on:\n  pull_request_target: {}\n"],
  ] as const)("W2 find %s", async ([, from, to]) => {
    const bad = good.replace(from, to);

    expect(bad).not.toBe(good);
    expect(await lintWorkflow("deploy-production.yml", bad)).not.toEqual([]);
  });
});

describe("W2 what stands in them", () => {
  const files = filesOf(full);
  const workflow = (name: string) => parse(textOf(files, `${name}.yml`));

  test("T1 T2 T3 each environment is started by what its configuration names, and by nothing else", () => {
    expect(Object.keys(workflow("deploy-production").on)).toEqual(["push", "workflow_dispatch"]);
    expect(workflow("deploy-production").on.push).toEqual({ tags: ["v**"] });
    expect(workflow("deploy-staging").on.push).toEqual({ branches: ["main", "release/**\\+x"] });
    expect(Object.keys(workflow("deploy-uat").on)).toEqual(["workflow_call", "workflow_dispatch"]);
    expect(files.map(({ name }) => name)).not.toContain("deploy-development.yml");
    expect(workflow("deploy").on.workflow_dispatch.inputs.environment.options).toEqual([
      "staging",
      "uat",
      "development",
      "production",
    ]);
  });

  test("X3 a rollback asks for its reason and the typed word, and is not undone by closing its job", () => {
    const { on, jobs } = workflow("rollback");

    expect(on.workflow_dispatch.inputs).toMatchObject({
      reason: { required: true },
      confirm: { required: true, description: "Type ROLLBACK" },
    });
    expect(jobs.rollback.steps[2].with).toMatchObject({
      cancel: "detach",
      reason: "${{ inputs.reason }}",
      confirm: "${{ inputs.confirm }}",
    });
  });

  test("K1 secrets come by environment variables, only where they are needed, under names that GitHub allows", () => {
    const { env } = workflow("deploy-production").jobs.deploy.steps[2];

    expect(env).toMatchObject({
      SLUICE_DATABASE_URL: "${{ secrets.SLUICE_DATABASE_URL }}",
      PROD_DATABASE_URL: "${{ secrets.PROD_DATABASE_URL }}",
      GITHUB_TOKEN: "${{ secrets.GITHUB_TOKEN }}",
      GITHUB_APP_KEY: "${{ secrets.SLUICE_GITHUB_APP_KEY }}",
    });
    expect(textOf(files, "ci-cd.yml")).not.toContain("secrets.");
    expect(textOf(files, "deployment-status.yml").match(/secrets\.\w+/g)).toEqual(["secrets.SLUICE_DATABASE_URL"]);
  });

  test("K2 the workflow's token gets what Sluice does with it, and reads the repository otherwise", () => {
    expect(workflow("deploy-production").permissions).toEqual({
      contents: "write",
      checks: "read",
      statuses: "read",
      deployments: "write",
      issues: "write",
      actions: "write",
    });
    for (const name of ["deploy-staging", "ci-cd", "deployment-status"])
      expect(workflow(name).permissions).toEqual({ contents: "read" });
  });

  test("T4 ci-cd runs the tests without the deploying runner, and calls what asks to be called after a push", () => {
    const { jobs } = workflow("ci-cd");

    expect(jobs.test["runs-on"]).toEqual(["ubuntu-latest"]);
    expect(jobs.test.steps.map(({ run: line }: { run?: string }) => line).filter(Boolean)).toEqual([
      "npm ci",
      `npm run 'it'\\''s a test; $(x)'`,
    ]);
    expect(jobs["deploy-uat"]).toMatchObject({ needs: ["test"], uses: "./.github/workflows/deploy-uat.yml" });
    expect(Object.keys(jobs)).toEqual(["test", "deploy-uat"]);
  });
});

describe("W2 sluice workflows", () => {
  const sluice = (folder: string, ...words: string[]) => run(["workflows", ...words, "--project", folder, "--json"]);
  const inFolder = (folder: string) => join(folder, ".github", "workflows");

  test("W2 writes them once, finds drift, mends it, and removes what is not wanted any more", async () => {
    const folder = projectWith(full);

    expect(await sluice(folder, "--check")).toBe(1);
    expect(await sluice(folder, "--dry-run")).toBe(0);
    expect(readdirSync(folder)).toEqual(["sluice.yaml"]);
    expect(await sluice(folder)).toBe(0);
    expect(await sluice(folder, "--check")).toBe(0);
    expect(readdirSync(join(folder, ".github/actions/sluice")).toSorted()).toEqual(["action.yml", "launcher.cjs"]);
    expect(lintAction("action.yml", readFileSync(join(folder, ".github/actions/sluice/action.yml"), "utf8"))).toEqual(
      [],
    );
    const rollback = join(inFolder(folder), "rollback.yml");
    writeFileSync(rollback, readFileSync(rollback, "utf8").replace("contents: write", "contents: read"));
    expect(await sluice(folder, "--check")).toBe(1);
    writeFileSync(join(folder, "sluice.yaml"), pinned.join("\n"));
    expect(await sluice(folder)).toBe(0);
    expect(await sluice(folder, "--check")).toBe(0);
    expect(readdirSync(inFolder(folder)).toSorted()).toEqual([
      "ci-cd.yml",
      "deploy-production.yml",
      "deploy.yml",
      "deployment-status.yml",
      "rollback.yml",
    ]);
    expect(readdirSync(join(folder, ".github/actions/sluice"))).toEqual([]);
  });

  test("W2 never writes over what a person wrote, and then writes nothing at all", async () => {
    const folder = projectWith(small);
    mkdirSync(inFolder(folder), { recursive: true });
    writeFileSync(join(inFolder(folder), "deploy.yml"), "name: mine\n");
    writeFileSync(join(inFolder(folder), "other.yml"), "name: also mine\n");

    expect(await sluice(folder)).toBe(2);
    expect(await sluice(folder, "--check")).toBe(1);

    expect(readdirSync(inFolder(folder)).toSorted()).toEqual(["deploy.yml", "other.yml"]);
    expect(readFileSync(join(inFolder(folder), "deploy.yml"), "utf8")).toBe("name: mine\n");
  });

  test("W2 what has no room in 40 lines is refused before anything is written", async () => {
    const folder = projectWith(withSecrets(60));

    expect(await sluice(folder)).toBe(2);
    expect(readdirSync(folder)).toEqual(["sluice.yaml"]);
  });

  test("T1 a push that can never come is a fault of the configuration", async () => {
    const folder = projectWith([
      ...head,
      "environments: { production: { policy: basic, tags: [], start: [tag-push] } }",
    ]);

    expect(await sluice(folder)).toBe(2);
  });
});
