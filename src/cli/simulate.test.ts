/** `sluice simulate` as a person starts it: exit codes, objects, and a folder that stays as it was. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-simulate-cli-"));
  const lines = [
    "sluice: 1",
    "project: tiny",
    "components:",
    "  web: { command: [node, server.mjs], route: { port: 8080 } }",
    "environments:",
    "  production: { policy: standard, approvals: { required: 0 } }",
  ];
  writeFileSync(join(folder, "sluice.yaml"), `${lines.join("\n")}\n`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function sluice(...words: readonly string[]): Promise<Ran> {
  const { SLUICE_DATABASE_URL: _url, FORCE_COLOR: _color, ...env } = process.env;
  const child = spawn(process.execPath, [mainFile, ...words], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, stdout, stderr };
}

const objectsOf = ({ stdout }: Ran): readonly Record<string, unknown>[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("W4 a simulation shows plan, timeline, commands and end, says that it is one, and leaves nothing behind", async () => {
  const { exitCode, stdout, stderr } = await sluice("simulate", "production", "v1.2.0");

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^SIMULATED: v1\.2\.0 → production.*Nothing real is touched/);
  for (const words of [
    "Plan in short",
    "Timeline",
    "SLUICE_VERSION=v1.2.0 node server.mjs",
    "SIMULATED: v1.2.0 in production: succeeded",
  ]) {
    expect(stdout).toContain(words);
  }
  expect(stderr.trim().split("\n").at(-1)).toMatch(/^next: sluice plan production/);
  expect(readdirSync(folder)).toEqual(["sluice.yaml"]);
});

test("W4 the exit code is the simulation's own: 0 however the deployment ended, 1 where another end was expected", async () => {
  const bad = await sluice("simulate", "production", "--fault", "bad-release");
  const asExpected = await sluice("simulate", "production", "--fault", "bad-release", "--expect", "rolled-back");
  const otherwise = await sluice("simulate", "production", "--expect", "rolled-back");

  expect([bad.exitCode, asExpected.exitCode, otherwise.exitCode]).toEqual([0, 0, 1]);
  expect(bad.stdout).toContain("exit     4, the code that a real deployment would have");
  expect(otherwise.stderr).toContain("Expected was rolled-back; the simulation ended as succeeded.");
});

test("W4 --json gives an object for every event and the record, each marked as simulated", async () => {
  const ran = await sluice("simulate", "production", "v1.2.0", "--fault", "killed", "--json");
  const objects = objectsOf(ran);
  const types = new Set(objects.map(({ type }) => type));

  expect(ran.exitCode).toBe(0);
  expect(objects.every(({ simulated }) => simulated === true)).toBe(true);
  expect([...types].sort()).toEqual(["command", "ended", "event", "note", "plan", "record", "simulation"]);
  expect(objects.find(({ type }) => type === "ended")).toMatchObject({
    outcome: "succeeded",
    exitCode: 0,
    folder: null,
  });
  expect(objects.at(-1)).toMatchObject({ type: "record", record: { simulated: true, outcome: "succeeded" } });
});

test("W4 what cannot be meant ends with 2 and a command that helps", async () => {
  const answers = await Promise.all([
    sluice("simulate"),
    sluice("simulate", "production", "--fault", "earthquake"),
    sluice("simulate", "production", "--expect", "glory"),
  ]);
  const more = await Promise.all([
    sluice("simulate", "production", "--error-rate", "150%"),
    sluice("simulate", "production", "--fault", "migration-fails"),
  ]);

  for (const { exitCode, stderr } of [...answers, ...more]) {
    expect(exitCode).toBe(2);
    expect(stderr).toContain("sluice simulate");
  }
});

test("W4 --fault list names every fault with its sentence, without an environment", async () => {
  const { exitCode, stdout } = await sluice("simulate", "--fault", "list");

  expect(exitCode).toBe(0);
  expect(stdout).toContain("bad-release");
  expect(stdout).toContain("5 % of the requests to the new version fail");
});

test("W4 --keep writes a folder that is named simulated", async () => {
  const { exitCode, stdout } = await sluice("simulate", "production", "v1.2.0", "--keep");
  const [kept = ""] = readdirSync(join(folder, "deployment-logs"));
  const files = readdirSync(join(folder, "deployment-logs", kept));
  rmSync(join(folder, "deployment-logs"), { recursive: true });

  expect(exitCode).toBe(0);
  expect(kept).toMatch(/^simulated-/);
  expect(files).toContain("deployment-record.json");
  expect(stdout).toContain(`deployment-logs/${kept}`);
});
