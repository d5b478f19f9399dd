/** The command as a person starts it: a process in a real project with a real repository, its exit code and what it left behind. */
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closedPort, httpServer } from "../testing/local-servers.ts";

const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));

interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The objects of stdout, one a line. */
  readonly json: readonly Record<string, unknown>[];
}

interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function sluice(words: readonly string[], { cwd, env = {} }: RunOptions): Promise<Ran> {
  const { SLUICE_DATABASE_URL: _url, CI: _ci, FORCE_COLOR: _color, ...inherited } = process.env;
  const child = spawn(process.execPath, [mainFile, ...words], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const objects = () =>
    stdout
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("{"));
  return {
    exitCode,
    stdout,
    stderr,
    get json() {
      return objects().map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

const git = (folder: string, ...words: string[]): string =>
  execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...words], {
    cwd: folder,
    encoding: "utf8",
  });

const migrate = `
import { DatabaseSync } from "node:sqlite";
import { readdirSync, readFileSync } from "node:fs";
const db = new DatabaseSync(process.env.DB);
db.exec("create table if not exists migrations (id text primary key)");
const done = new Set(db.prepare("select id from migrations").all().map(({ id }) => id));
for (const id of readdirSync("migrations").sort().filter((name) => !done.has(name))) {
  const sql = readFileSync("migrations/" + id, "utf8");
  if (process.argv[2] === "pending") console.log(JSON.stringify({ id, sql }));
  else { db.exec(sql); db.prepare("insert into migrations values (?)").run(id); }
}
`;

/** A repository with a tag, one component, a database with two rows and a pending migration. */
async function makeProject(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  const port = await closedPort();
  const database = join(folder, "data.sqlite");
  const lines = [
    "sluice: 1",
    "project: tiny",
    "components:",
    `  web: { command: [node, server.mjs], route: { port: ${port} } }`,
    "databases:",
    "  main: { kind: sqlite, file: data.sqlite }",
    "migrations:",
    "  main:",
    "    pending: [node, migrate.mjs, pending]",
    "    apply: [node, migrate.mjs, apply]",
    `    environment: { DB: ${JSON.stringify(database)} }`,
    "notify:",
    "  log: { kind: log-file, file: deployment-logs/notifications.log }",
    "environments:",
    "  production:",
    "    policy: standard",
    "    approvals: { required: 0 }",
    "    ci: { command: [node, --version] }",
    `    health: [{ name: web, url: "http://127.0.0.1:${port}/health", retries: 0, interval: 10ms }]`,
  ];
  writeFileSync(join(folder, "sluice.yaml"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "server.mjs"), "");
  writeFileSync(join(folder, "migrate.mjs"), migrate);
  writeFileSync(join(folder, ".gitignore"), ".sluice/\ndeployment-logs/\n*.sqlite*\n");
  execFileSync("mkdir", [join(folder, "migrations")]);
  writeFileSync(join(folder, "migrations", "0001.sql"), "create table orders (id integer primary key);\n");
  const db = new DatabaseSync(database);
  db.exec("create table users (id integer primary key, name text); insert into users values (1, 'a'), (2, 'b')");
  db.close();
  git(folder, "init", "--quiet", "--initial-branch=main");
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message=First");
  git(folder, "tag", "v1.0.0");
  return folder;
}

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

describe("bad input", () => {
  let folder = "";
  let before: readonly string[] = [];
  const here = (...words: string[]) => sluice(words, { cwd: folder });

  beforeAll(async () => {
    folder = await makeProject();
    before = readdirSync(folder).sort();
  });
  afterAll(() => remove(folder));

  const cases: readonly {
    readonly words: readonly string[];
    readonly exitCode: number;
    readonly says: string;
    readonly title: string;
  }[] = [
    { title: "an unknown command", words: ["stauts"], exitCode: 2, says: "Did you mean status?" },
    { title: "an unknown option", words: ["status", "--wacth"], exitCode: 2, says: "Did you mean --watch?" },
    { title: "a missing argument", words: ["deploy", "production"], exitCode: 2, says: "sluice deploy --help" },
    { title: "too many arguments", words: ["status", "a", "b"], exitCode: 2, says: "sluice status --help" },
    { title: "a group without its command", words: ["backup"], exitCode: 2, says: "sluice backup --help" },
    {
      title: "W3 a mistyped environment",
      words: ["deploy", "prodction", "v1.0.0"],
      exitCode: 2,
      says: 'Did you mean "production"?',
    },
    {
      title: "a mistyped environment of status",
      words: ["status", "prodction"],
      exitCode: 2,
      says: 'Did you mean "production"?',
    },
    {
      title: "T1 a version that is a number",
      words: ["deploy", "production", "1.10"],
      exitCode: 2,
      says: '"1.10" cannot be a release',
    },
    {
      title: "T1 a version with a line feed",
      words: ["deploy", "production", "v1.0.0\nv2"],
      exitCode: 2,
      says: '"v1.0.0\\nv2" cannot be a release',
    },
    {
      title: "T1 a version with a blank",
      words: ["plan", "production", "v1 .0"],
      exitCode: 2,
      says: '"v1 .0" cannot be a release',
    },
    {
      title: "T1 a version like an option",
      words: ["deploy", "production", "--", "-rf"],
      exitCode: 2,
      says: '"-rf" cannot be a release',
    },
    {
      title: "T5 a tag that is not there",
      words: ["deploy", "production", "v9.9.9"],
      exitCode: 3,
      says: "There is no tag v9.9.9",
    },
    {
      title: "P5 a branch that may not go there",
      words: ["deploy", "production", "main"],
      exitCode: 2,
      says: '"main" cannot be a release',
    },
    {
      title: "P6 approvals that are no number",
      words: ["deploy", "production", "v1.0.0", "--approvals", "two"],
      exitCode: 2,
      says: "whole number",
    },
    { title: "a deployment nobody knows", words: ["approve", "1234"], exitCode: 2, says: "There is no deployment" },
    { title: "logs of nothing", words: ["logs", "production"], exitCode: 2, says: "sluice history" },
    { title: "a report of nothing", words: ["report", "incident", "production"], exitCode: 2, says: "sluice history" },
    { title: "a period without a unit", words: ["report", "dora", "--period", "30"], exitCode: 2, says: "--period" },
    { title: "a limit that is no number", words: ["history", "--limit", "-1"], exitCode: 2, says: "--limit" },
    { title: "an outcome nobody knows", words: ["history", "--outcome", "fine"], exitCode: 2, says: "rolled-back" },
    { title: "L3 a lock without a reason", words: ["lock", "take", "production"], exitCode: 2, says: "--reason" },
    {
      title: "B7 a backup nobody knows",
      words: ["restore", "nope", "--into", "x"],
      exitCode: 2,
      says: "There is no backup nope",
    },
    { title: "B7 a restore to nowhere", words: ["restore", "nope"], exitCode: 2, says: "--into" },
    { title: "a configuration that is there already", words: ["init"], exitCode: 2, says: "sluice init --force" },
  ];

  test.each(cases)(
    "$title ends with $exitCode, as text and as one object, and leaves nothing behind",
    async ({ words, exitCode, says }) => {
      const [text, data] = await Promise.all([here(...words), here("--json", ...words)]);

      expect(text).toMatchObject({ exitCode, stdout: "" });
      expect(text.stderr).toContain(says);
      expect(data).toMatchObject({ exitCode, stderr: "" });
      expect(data.json).toHaveLength(1);
      expect(data.json[0]).toMatchObject({
        error: { code: expect.stringMatching(/^[A-Z_]+$/), hint: expect.stringMatching(/\b(sluice|git) \S/) },
      });
      expect(readdirSync(folder).sort()).toEqual(before);
    },
  );

  test("W3 a folder without a configuration is told so, and gets no state", async () => {
    const empty = mkdtempSync(join(tmpdir(), "sluice-empty-"));

    for (const words of [["status"], ["history"], ["deploy", "production", "v1.0.0"], ["lock"]]) {
      const ran = await sluice(words, { cwd: empty });
      expect(ran.exitCode).toBe(2);
      expect(ran.stderr).toContain("sluice init");
    }
    expect(readdirSync(empty)).toEqual([]);
    remove(empty);
  });

  test("W1 status of a project that never deployed says so, and starts no database", async () => {
    const ran = await here("status");

    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toMatch(/production\s+nothing\s+–\s+–\s+none yet\s+free/);
    expect(ran.stderr).toContain("next: sluice plan production <version>");
    expect(existsSync(join(folder, ".sluice"))).toBe(false);
  });

  test("W3 a fault in the configuration is told with its place, as text and as data", async () => {
    const broken = await makeProject();
    appendFileSync(join(broken, "sluice.yaml"), "    aprovals: 1\n");

    const text = await sluice(["validate"], { cwd: broken });
    const data = await sluice(["validate", "--json"], { cwd: broken });

    expect(text.exitCode).toBe(2);
    expect(text.stderr).toMatch(/sluice\.yaml:20:\d+ {2}environments\.production\.aprovals/);
    expect(data.exitCode).toBe(2);
    expect(data.json[0]).toMatchObject({
      error: { code: "CONFIG_INVALID", faults: [{ line: 20, path: "environments.production.aprovals" }] },
    });
    remove(broken);
  });

  test("help and version end with 0, and help shows an example", async () => {
    const [help, version] = await Promise.all([here("restore", "--help"), here("--version")]);

    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toContain("For example:\n  sluice restore");
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("a reader that goes away is no crash", async () => {
    const { stderr, exitCode } = await new Promise<{ stderr: string; exitCode: number | null }>((resolve) => {
      const child = spawn(process.execPath, [mainFile, "--help"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
      let stderr = "";
      child.stdout.destroy();
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.once("close", (exitCode) => resolve({ stderr, exitCode }));
    });

    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  test("no colour and no cursor movement reaches a pipe", async () => {
    const ran = await here("validate");

    expect(ran.exitCode).toBe(0);
    expect(ran.stdout + ran.stderr).not.toContain("\u001b");
  });
});

describe("init", () => {
  test("W3 what it writes is valid, and is not replaced unasked", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-init-"));
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name: "@acme/My Shop", scripts: { start: "node x", build: "tsc" } }),
    );
    git(folder, "init", "--quiet");

    const dry = await sluice(["init", "--dry-run"], { cwd: folder });
    const untouched = readdirSync(folder).sort();
    const first = await sluice(["init"], { cwd: folder });
    const text = readFileSync(join(folder, "sluice.yaml"), "utf8");
    const second = await sluice(["init"], { cwd: folder });
    const validated = await sluice(["validate", "--json"], { cwd: folder });

    expect(dry.stdout.trimEnd()).toBe(text.trimEnd());
    expect(untouched).toEqual([".git", "package.json"]);
    expect(first.exitCode).toBe(0);
    expect(text).toContain('project: "my-shop"');
    expect(second.exitCode).toBe(2);
    expect(validated.json[0]).toMatchObject({ valid: true });
    expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe(".sluice/\ndeployment-logs/\n");
    remove(folder);
  });
});

/** One after the other in one project: each test is a layer alone, as a foreign workflow would call it. */
describe("W6 single layers", () => {
  let folder = "";
  let backupId = "";
  const here = (...words: string[]) => sluice(words, { cwd: folder });

  beforeAll(async () => {
    folder = await makeProject();
  });
  afterAll(() => remove(folder));

  test("W6 F9 check asks everything and shows all of it; a dirty tree only warns here", async () => {
    writeFileSync(join(folder, "dirty.txt"), "");

    const ran = await here("check", "production", "--json");

    rmSync(join(folder, "dirty.txt"));
    const { findings, skipped } = ran.json[0] as {
      findings: { check: string; verdict: string; hint: string }[];
      skipped: string[];
    };
    expect(ran.exitCode).toBe(0);
    expect(findings.length).toBeGreaterThan(10);
    expect(findings.find(({ check }) => check === "clean-tree")).toMatchObject({
      verdict: "fail",
      hint: expect.stringContaining("git"),
    });
    expect(skipped).toEqual(["ci", "artifacts", "migrations"]);
  });

  test("P1 plan shows the build's digest and the migrations, starts no router, and would deploy", async () => {
    const ran = await here("plan", "production", "v1.0.0");

    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toMatch(/artifact +web sha256:[0-9a-f]{64}/);
    expect(ran.stdout).toContain("create table orders");
    expect(ran.stderr.trimEnd().split("\n").at(-1)).toBe("next: sluice deploy production v1.0.0");
    expect(existsSync(join(folder, ".sluice", "router", "production", "router.json"))).toBe(false);
  });

  test("P1 a blocked plan is shown whole and ends with 3", async () => {
    const { port } = new URL(/url: "(http:[^"]+)"/.exec(readFileSync(join(folder, "sluice.yaml"), "utf8"))?.[1] ?? "");
    const { createServer } = await import("node:net");
    const squatter = createServer().listen(Number(port), "127.0.0.1");

    const ran = await here("plan", "production", "v1.0.0", "--no-build");

    await new Promise((closed) => squatter.close(closed));
    expect(ran.exitCode).toBe(3);
    expect(ran.stdout).toContain("What will happen");
    expect(ran.stderr).toContain("PORT_IN_USE");
  });

  test("B1 B4 backup create proves what it stored, and show prints how to restore it without Sluice", async () => {
    const created = await here("backup", "create", "production", "--json");
    const { backups } = created.json[0] as {
      backups: { id: string; level: string; tables: { name: string; rows: number }[] }[];
    };

    const shown = await here("backup", "show", backups[0]?.id ?? "");

    expect(created.exitCode).toBe(0);
    expect(backups[0]).toMatchObject({ level: "readable" });
    expect(backups[0]?.tables).toContainEqual(expect.objectContaining({ name: "users", rows: 2 }));
    expect(shown.stdout).toContain("gunzip -c");
    backupId = backups[0]?.id ?? "";
  });

  test("B7 restore needs the typed word, writes into a new database only, and counts the rows again", async () => {
    const into = join(folder, "restored.sqlite");

    const unconfirmed = await here("restore", "production-main", "--into", into);
    const dry = await here("restore", "production-main", "--into", into, "--dry-run");
    expect(existsSync(into)).toBe(false);
    const done = await here("restore", "production-main", "--into", into, "--confirm", "RESTORE", "--json");
    const again = await here("restore", "production-main", "--into", into, "--confirm", "RESTORE");

    expect(unconfirmed.exitCode).toBe(2);
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(done.exitCode).toBe(0);
    expect(done.json.at(-1)).toMatchObject({ equal: true, differing: [] });
    expect(again.exitCode).toBe(1);
    const restored = new DatabaseSync(into, { readOnly: true });
    expect(restored.prepare("select count(*) as n from users").get()).toEqual({ n: 2 });
    restored.close();
  });

  test("B7 a broken manifest is named by list and keeps nobody from restoring another backup, but from pruning", async () => {
    const backups = join(folder, ".sluice", "backups");
    const broken = join(backups, "production-main-broken.gz.manifest.json");
    writeFileSync(broken, "{");
    const into = join(folder, "beside.sqlite");

    const listed = await here("backup", "list", "production");
    const pruned = await here("backup", "prune", "production", "--yes");
    const restored = await here("restore", backupId, "--into", into, "--confirm", "RESTORE");
    const meant = await here("restore", "production-main-broken", "--into", into, "--confirm", "RESTORE");

    rmSync(broken);
    expect(listed.exitCode).toBe(1);
    expect(listed.stdout).toContain(backupId);
    expect(listed.stdout.replaceAll(/\s+/g, "")).toContain(broken);
    expect(pruned).toMatchObject({ exitCode: 1, stdout: "" });
    expect(pruned.stderr).toContain("BACKUP_UNVERIFIED");
    expect(restored.exitCode).toBe(0);
    expect(existsSync(into)).toBe(true);
    expect(meant.stderr).toContain("BACKUP_UNVERIFIED");
  });

  test("B3 a stored backup that was changed is not restored", async () => {
    const backups = join(folder, ".sluice", "backups");
    const stored = readdirSync(backups).find((name) => name.endsWith(".gz")) ?? "";
    const bytes = readFileSync(join(backups, stored));
    const changed = Buffer.from(bytes);
    changed[20] = (changed[20] ?? 0) ^ 1;
    writeFileSync(join(backups, stored), changed);
    const into = join(folder, "never.sqlite");

    const ran = await here("restore", "production-main", "--into", into, "--confirm", "RESTORE");

    writeFileSync(join(backups, stored), bytes);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain("BACKUP_UNVERIFIED");
    expect(existsSync(into)).toBe(false);
  });

  test("L1 L3 a lock by hand keeps others out until it is released, and both are told why", async () => {
    const taken = await here("lock", "take", "production", "--reason", "incident 4711", "--as", "bob");
    const refused = await here("migrate", "production", "v1.0.0", "--as", "ada");
    const listed = await here("lock", "--json");
    const released = await here("lock", "release", "production", "--reason", "over", "--as", "bob");

    expect([taken.exitCode, refused.exitCode, released.exitCode]).toEqual([0, 7, 0]);
    expect(refused.stderr).toContain("incident 4711");
    expect(listed.json[0]).toMatchObject({
      locks: [{ environment: "production", heldBy: "bob", reason: "incident 4711" }],
    });
  });

  test("M1 M2 migrate shows first, applies under the lock, and leaves the lock free", async () => {
    const dry = await here("migrate", "production", "v1.0.0", "--dry-run");
    const applied = await here("migrate", "production", "v1.0.0", "--json");
    const again = await here("migrate", "production", "v1.0.0");
    const locks = await here("lock", "--json");

    expect(dry.stdout).toContain("would apply 1 migration");
    expect(applied.json.at(-1)).toMatchObject({ applied: ["0001.sql"] });
    expect(again.stdout).toContain("nothing is pending");
    expect(locks.json[0]).toEqual({ locks: [] });
  });

  test("B5 prune only shows what would go, and why the rest stays", async () => {
    const ran = await here("backup", "prune", "production");

    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toContain("one of the newest 10");
    expect(ran.stdout).toContain("0 would be removed");
  });

  test("N2 notify tells every channel at once, and shows what each said", async () => {
    const ran = await here("notify", "production", "--title", "Maintenance", "--message", "Ten minutes", "--json");

    expect(ran.exitCode).toBe(0);
    expect(ran.json[0]).toMatchObject({ deliveries: [{ channel: "log", delivered: true }] });
    expect(readFileSync(join(folder, "deployment-logs", "notifications.log"), "utf8")).toContain("Maintenance");
  });

  test("N2 notify test tries every channel, or the one that is named, and changes nothing else", async () => {
    const ran = await here("notify", "test", "production", "--json");
    const named = await here("notify", "test", "--channel", "nobody", "--json");

    expect(ran.exitCode).toBe(0);
    expect(ran.json[0]).toMatchObject({ environment: "production", deliveries: [{ channel: "log", delivered: true }] });
    const [line] = readFileSync(join(folder, "deployment-logs", "notifications.log"), "utf8")
      .split("\n")
      .slice(-2);
    expect(JSON.parse(line ?? "")).toMatchObject({ kind: "test", environment: "production" });
    expect(named.exitCode).toBe(2);
  });

  test("H1 smoke of an address needs no project, and ends with 1 when another version answers", async () => {
    const nowhere = mkdtempSync(join(tmpdir(), "sluice-smoke-"));
    await using server = await httpServer((_request, response) => response.end(JSON.stringify({ version: "v1.0.0" })));

    const good = await sluice(["smoke", server.url, "--expect", "version=v1.0.0"], { cwd: nowhere });
    const bad = await sluice(["smoke", server.url, "--expect", "version=v2.0.0", "--json"], { cwd: nowhere });

    expect(good.exitCode).toBe(0);
    expect(bad.exitCode).toBe(1);
    expect(bad.json[0]).toMatchObject({ result: { verdict: { kind: "fail" } } });
    expect(readdirSync(nowhere)).toEqual([]);
    remove(nowhere);
  });

  test("smoke and monitor of an environment where nothing serves are told so, not passed", async () => {
    const [smoke, monitor] = await Promise.all([
      here("smoke", "production"),
      here("monitor", "production", "--for", "1s"),
    ]);

    expect(smoke.exitCode).toBe(2);
    expect(monitor.exitCode).toBe(2);
    expect(smoke.stderr).toContain("Nothing serves in production");
  });
});
