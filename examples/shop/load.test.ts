/** The load generator as the demo runs it: its own process against a server of this test's. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stopChild } from "../shared/children.ts";
import { countsBetween, type LoadLine, type LoadSummary, readLoad } from "./load-record.ts";

let folder: string;
let file: string;
let server: Server | undefined;
let load: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shop-load-"));
  file = join(folder, "load.jsonl");
});

afterEach(async () => {
  if (load) await stopChild(load, "SIGKILL", 1_000);
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function startLoad(url: string, ...more: readonly string[]) {
  const argv = [join(import.meta.dirname, "load.ts"), "--url", url, "--rate", "200", "--out", file, ...more];
  const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "pipe"] });
  load = child;
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
  return { child, printed: () => printed };
}

/** Reads the file until it holds what is wanted; at most ten seconds. */
async function until(wanted: (lines: readonly LoadLine[]) => boolean): Promise<readonly LoadLine[]> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const lines = await readLoad(file).catch(() => []);
    if (wanted(lines)) return lines;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the load generator did not write what was wanted in ten seconds");
}

const seconds = (lines: readonly LoadLine[]) => lines.filter((line) => line.type === "second");

async function end(child: ChildProcess): Promise<{ readonly exitCode: number | null; readonly summary: LoadSummary }> {
  const exit = child.exitCode === null ? once(child, "exit") : undefined;
  child.kill("SIGTERM");
  await exit;
  const last = (await readLoad(file)).at(-1);
  if (last?.type !== "summary") throw new Error("no summary");
  return { exitCode: child.exitCode, summary: last };
}

test("it holds its rate, counts answers by version, prints nothing, and loses none of what was under way at SIGTERM", async () => {
  let answered = 0;
  const url = await serve((request, response) => {
    request.resume();
    setTimeout(() => {
      answered++;
      response.writeHead(200, { "x-shop-version": "v1.0.0", "x-shop-upstream-version": "v1.1.0" }).end("{}");
    }, 50);
  });
  const { child, printed } = startLoad(url);

  await until((lines) => seconds(lines).length >= 2);
  const { exitCode, summary } = await end(child);

  expect(exitCode).toBe(0);
  expect(printed()).toBe("");
  expect(summary).toMatchObject({ sent: answered, ok: answered, failedBySluice: 0, skipped: 0, failures: {} });
  expect(summary.gatewayVersions).toEqual({ "v1.0.0": answered });
  expect(summary.upstreamVersions).toEqual({ "v1.1.0": answered });
  expect(summary.requestsPerSecond).toBeGreaterThan(180);
  const { sent } = countsBetween(await readLoad(file), summary.fromMs, summary.toMs + 1);
  expect(sent).toBe(summary.sent);
});

test("a failure that the shop marks is the release's, any other one is counted against Sluice", async () => {
  let turn = 0;
  const url = await serve((request, response) => {
    request.resume();
    const fault = turn++ % 2 === 0 ? { "x-shop-fault": "release" } : {};
    response.writeHead(turn % 2 === 1 ? 500 : 503, fault).end();
  });
  const { child } = startLoad(url);

  await until((lines) => seconds(lines).length >= 1);
  const { summary } = await end(child);

  expect(summary.ok).toBe(0);
  expect(summary.failedByRelease + summary.failedBySluice).toBe(summary.sent);
  expect(Math.abs(summary.failedByRelease - summary.failedBySluice)).toBeLessThanOrEqual(1);
  const evidence = (await readLoad(file)).find((line) => line.type === "failure" && line.causedBy === "sluice");
  expect(evidence).toMatchObject({ kind: "5xx", detail: "answered 503" });
});

test("connections that are cut or refused are counted against Sluice", async () => {
  let requests = 0;
  const url = await serve((request, response) => {
    request.resume();
    if (++requests < 50) response.end("{}");
    else request.socket.destroy();
  });
  const { child } = startLoad(url);

  await until((lines) => lines.some((line) => line.type === "failure" && line.kind === "reset"));
  server?.close();
  server?.closeAllConnections();
  await until((lines) => lines.some((line) => line.type === "failure" && line.kind === "refused"));
  const { summary } = await end(child);

  expect(summary.failures.reset).toBeGreaterThan(0);
  expect(summary.failures.refused).toBeGreaterThan(0);
  expect(summary.failedByRelease).toBe(0);
  expect(summary.failedBySluice).toBe(summary.sent - summary.ok);
});

test("with --until-stdin-ends it ends by itself when the process that started it is gone", async () => {
  const url = await serve((request, response) => {
    request.resume();
    response.end("{}");
  });
  const { child } = startLoad(url, "--until-stdin-ends");
  await until((lines) => seconds(lines).length >= 1);

  const exit = once(child, "exit");
  child.stdin.end();
  await exit;

  expect(child.exitCode).toBe(0);
  expect((await readLoad(file)).at(-1)?.type).toBe("summary");
});
