/** The real npm, and a SIMULATED registry that answers its bulk question about advisories. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { httpServer, refusingPort } from "../../testing/local-servers.ts";
import { npmAudit } from "./npm-audit.ts";

const never = new AbortController().signal;
const hasNpm = spawnSync("npm", ["--version"]).status === 0;
if (!hasNpm) console.warn("skipped: the audit of dependencies by npm, since npm is not here");

const advisory = (id: string, severity: string) => ({
  id: [...id].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7),
  url: `https://github.com/advisories/${id}`,
  title: "It does harm",
  severity,
  vulnerable_versions: "<2.0.0",
});

function registry(advisories: object): RequestListener {
  const say = (value: unknown) => JSON.stringify(value);
  return (request, response) => {
    response.setHeader("content-type", "application/json");
    const name = request.url?.slice(1) ?? "";
    const isQuestion = name === "-/npm/v1/security/advisories/bulk";
    const packument = { name, "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": { name, version: "1.0.0" } } };
    response.end(say(isQuestion ? advisories : packument));
  };
}

async function lookedAt(url: string, options = { omitDev: true, timeoutMs: 60_000 }) {
  const folder = await mkdtemp(join(tmpdir(), "sluice-audit-"));
  const manifest = {
    name: "shop",
    version: "1.0.0",
    dependencies: { good: "1.0.0" },
    devDependencies: { tool: "1.0.0" },
  };
  const packages = {
    "": manifest,
    "node_modules/good": { version: "1.0.0" },
    "node_modules/tool": { version: "1.0.0", dev: true },
  };
  try {
    await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
    await writeFile(
      join(folder, "package-lock.json"),
      JSON.stringify({ name: "shop", version: "1.0.0", lockfileVersion: 3, packages }),
    );
    await writeFile(join(folder, ".npmrc"), `registry=${url}/\nfetch-retries=0\ncache=${join(folder, "cache")}\n`);
    return await npmAudit(options).look(folder, never);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(!hasNpm)("npm audit", () => {
  test("T8 what the registry knows of a dependency is told with its name and severity, not what is only needed to build", async () => {
    await using server = await httpServer(
      registry({
        good: [advisory("GHSA-aaaa", "high"), advisory("GHSA-bbbb", "low")],
        tool: [advisory("GHSA-cccc", "critical")],
      }),
    );

    expect(await lookedAt(server.url)).toEqual({
      kind: "answered",
      found: [
        { id: "GHSA-aaaa", package: "good", severity: "high" },
        { id: "GHSA-bbbb", package: "good", severity: "low" },
      ],
    });
  }, 90_000);

  test("T8 none is none; a registry that is away, or a release without a lock file, is not", async () => {
    await using server = await httpServer(registry({}));
    const nowhere = await mkdtemp(join(tmpdir(), "sluice-audit-"));

    const none = await lookedAt(server.url);
    const away = await lookedAt(`http://127.0.0.1:${await refusingPort()}`);
    const unlocked = await npmAudit({ omitDev: true, timeoutMs: 60_000 }).look(nowhere, never);
    await rm(nowhere, { recursive: true });

    expect(none).toEqual({ kind: "answered", found: [] });
    expect(away).toMatchObject({ kind: "silent", reason: expect.stringContaining("told no result") });
    expect(unlocked).toMatchObject({ kind: "silent", reason: expect.stringContaining("told no result") });
  }, 180_000);
});
