/** The commands around a deployment that really ran: a tiny server on this machine, behind the built-in router. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closedPort } from "../testing/local-servers.ts";

const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));

const server = `
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
appendFileSync(process.env.PIDS, process.pid + "\\n");
const body = JSON.stringify({ version: process.env.SLUICE_VERSION });
createServer((_request, response) => response.end(body)).listen(Number(process.env.PORT), "127.0.0.1");
`;

let folder = "";
let port = 0;

interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param onText called with all of stdout so far, each time there is more. */
function sluice(words: readonly string[], onText: (text: string, pid: number) => void = () => undefined): Promise<Ran> {
  const { SLUICE_DATABASE_URL: _url, CI: _ci, FORCE_COLOR: _color, ...env } = process.env;
  const child = spawn(process.execPath, [mainFile, ...words], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onText(stdout, child.pid ?? 0);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr })));
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";
const objects = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

function git(...words: string[]): void {
  execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...words], { cwd: folder });
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

describe("a deployment at the command line", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-deployed-"));
    port = await closedPort();
    const lines = [
      "sluice: 1",
      "project: tiny",
      "components:",
      `  web: { command: [node, server.mjs], environment: { PIDS: ${JSON.stringify(join(folder, "pids"))} }, route: { port: ${port} } }`,
      "environments:",
      "  production:",
      "    policy: basic",
      "    rollout: { checkEvery: 100ms, steps: [{ percent: 100, bake: 1500ms }], unknownFor: 0s, onUnknown: continue }",
      "    observation: { duration: 0s }",
      `    health: [{ name: web, url: "http://127.0.0.1:${port}/health", interval: 100ms }]`,
    ];
    writeFileSync(join(folder, "sluice.yaml"), `${lines.join("\n")}\n`);
    writeFileSync(join(folder, "server.mjs"), server);
    writeFileSync(join(folder, ".gitignore"), ".sluice/\ndeployment-logs/\npids\n");
    git("init", "--quiet", "--initial-branch=main");
    git("add", "--all");
    git("commit", "--quiet", "--message=First");
    git("tag", "v1.0.0");
  });

  afterAll(() => {
    const record = join(folder, ".sluice", "router", "production", "router.json");
    if (existsSync(record)) endProcess((JSON.parse(readFileSync(record, "utf8")) as { pid: number }).pid);
    const pids = existsSync(join(folder, "pids")) ? readFileSync(join(folder, "pids"), "utf8").trim().split("\n") : [];
    for (const pid of pids) endProcess(Number(pid));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  test("W1 Ctrl-C only stops following: the deployment goes on, and can be followed to its end", async () => {
    let interrupted = false;
    const left = await sluice(["deploy", "production", "v1.0.0", "--json"], (text, pid) => {
      if (interrupted || !text.includes('"shifted":true')) return;
      interrupted = true;
      process.kill(pid, "SIGINT");
    });

    const followed = await sluice(["logs", "production", "--follow"]);
    const answer = await fetch(`http://127.0.0.1:${port}/`);

    expect(left.exitCode).toBe(130);
    expect(objects(left.stdout).at(-1)).toMatchObject({ type: "left", state: "running", exitCode: 130 });
    expect(followed.exitCode, followed.stderr).toBe(0);
    expect(followed.stderr).toContain("v1.0.0 in production: succeeded");
    expect(lastLine(followed.stderr)).toBe("next: sluice status production");
    expect(await answer.json()).toEqual({ version: "v1.0.0" });
  });

  test("W1 status says what serves since when and by whom", async () => {
    const { exitCode, stdout } = await sluice(["status", "production", "--json"]);

    expect(exitCode).toBe(0);
    expect(objects(stdout)[0]).toMatchObject({
      environment: { serving: { version: "v1.0.0", by: expect.any(String) }, lock: null },
      deployment: { outcome: "succeeded", servesNow: "v1.0.0" },
    });
  });

  test("D8 a note is in the record and in the story", async () => {
    const noted = await sluice(["note", "production", "restarted", "the", "queue", "--as", "bob"]);
    const [record, logs] = await Promise.all([
      sluice(["record", "production", "--json"]),
      sluice(["logs", "production"]),
    ]);

    expect(noted.exitCode).toBe(0);
    expect(objects(record.stdout)[0]).toMatchObject({
      status: "success",
      notes: [{ by: "bob", text: "restarted the queue" }],
    });
    expect(logs.stdout).toContain("bob: restarted the queue");
  });

  test("D3 R6 the files of a deployment are listed and shown, and no path leads out of its folder", async () => {
    const [listed, shown, outside] = await Promise.all([
      sluice(["logs", "production", "--file"]),
      sluice(["logs", "production", "--file", "preflight.log"]),
      sluice(["logs", "production", "--file", "../../sluice.yaml"]),
    ]);

    expect(listed.stdout).toContain("deployment-record.json");
    expect(shown.stdout).toContain("disk");
    expect(outside.exitCode).toBe(2);
    expect(outside.stdout).toBe("");
  });

  test("X3 X6 a rollback without an earlier version is refused, and nothing is begun", async () => {
    const refused = await sluice(["rollback", "production", "--reason", "bad", "--confirm", "ROLLBACK"]);
    const history = await sluice(["history", "production", "--json"]);

    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain("ROLLBACK_UNAVAILABLE");
    expect(objects(history.stdout)[0]).toMatchObject({ deployments: [{ version: "v1.0.0", kind: "deploy" }] });
  });

  test("X3 a rollback needs a reason and the typed word, and without a terminal nobody is asked", async () => {
    git("commit", "--quiet", "--allow-empty", "--message=Second");
    git("tag", "v1.1.0");
    const second = await sluice(["deploy", "production", "v1.1.0"]);

    const dry = await sluice(["rollback", "production", "--dry-run"]);
    const [unreasoned, unconfirmed] = await Promise.all([
      sluice(["rollback", "production", "--confirm", "ROLLBACK"]),
      sluice(["rollback", "production", "--reason", "bad"]),
    ]);
    const back = await sluice(["rollback", "production", "--reason", "bad", "--confirm", "ROLLBACK"]);

    expect([second.exitCode, dry.exitCode, unreasoned.exitCode, unconfirmed.exitCode, back.exitCode]).toEqual([
      0, 0, 3, 3, 0,
    ]);
    expect(dry.stdout).toContain("from v1.1.0 back to v1.0.0");
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).json()).toEqual({ version: "v1.0.0" });
  });
});
