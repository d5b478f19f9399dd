/** An upgrade while a deployment is under way: what the commands say, and that nothing touches the deployment. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Ledger } from "../app/model.ts";
import { postgresLedger } from "../engine/ledger/postgres-ledger.ts";
import { type TestDatabase, testDatabase } from "../engine/test-database.ts";

const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));

let database: TestDatabase;
let ledger: Ledger;
let folder = "";
const id = "1763673600-3f2a9c1b22aa";

function sluice(...words: readonly string[]) {
  const { CI: _ci, FORCE_COLOR: _color, ...env } = process.env;
  const child = spawn(process.execPath, [mainFile, ...words], {
    cwd: folder,
    env: { ...env, SLUICE_DATABASE_URL: database.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>(
    (resolve) => child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr })),
  );
}

describe("a deployment that another version of Sluice began", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    database = await testDatabase();
    ledger = await postgresLedger({ url: database.url });
    folder = mkdtempSync(join(tmpdir(), "sluice-upgrade-"));
    const lines = [
      "sluice: 1",
      "project: tiny",
      "components:",
      "  web: { command: [node, server.mjs] }",
      "environments:",
      "  production: { policy: basic }",
    ];
    writeFileSync(join(folder, "sluice.yaml"), `${lines.join("\n")}\n`);
    await ledger.createDeployment({
      id,
      project: "tiny",
      environment: "production",
      kind: "deploy",
      version: "v1.1.0",
      commit: "3f2a9c1b22aa",
      startedBy: "ada",
      input: { settings: {} },
      applicationVersion: "0",
    });
  });

  afterAll(async () => {
    await ledger?.close();
    await database?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("Z1 status names it on stderr and as a field of the result, with what to do", async () => {
    const [words, json] = await Promise.all([sluice("status"), sluice("status", "--json")]);

    expect(words.stderr).toContain(`begun by another version of Sluice: deployment ${id}, journal 0`);
    expect(words.stderr).toContain(`sluice resume ${id}`);
    expect(JSON.parse(json.stdout)).toMatchObject({ otherVersions: [{ deployment: id, journal: "0" }] });
  });

  test("Z1 resume and the worker refuse it and leave it untouched", async () => {
    const before = await ledger.deployment(id);

    const all = await sluice("resume", "--json");
    const refused = [await sluice("resume", id), await sluice("worker", id)];

    expect(all.exitCode).toBe(0);
    expect(JSON.parse(all.stdout)).toMatchObject({ resumed: [], otherVersions: [{ deployment: id }] });
    for (const { exitCode, stderr } of refused) {
      expect(exitCode).toBe(2);
      expect(stderr).toContain("OTHER_VERSION");
    }
    expect(await ledger.deployment(id)).toEqual(before);
    expect(await ledger.events(id, 0)).toEqual([]);
  });
});
