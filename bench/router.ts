/**
 * What the built-in router costs and keeps: lost requests and shares while weights change at 500 req/s, latency against
 * direct calls, throughput against HAProxy in the same run. `node bench/router.ts [--json]`; about 50 seconds.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type BuiltinRouter,
  builtinRouter,
  ensureBuiltinRouter,
  stopBuiltinRouter,
} from "../src/adapters/builtin-router/adapter.ts";
import type { Attempt } from "../src/domain/attempt.ts";
import type { Endpoint, Split } from "../src/domain/traffic.ts";
import { ask, freePort, listen, wallClock } from "../src/testing/router-world.ts";
import { type Figure, fullSpeed } from "./router-throughput.ts";

const forever = new AbortController().signal;
const attempt: Attempt = { ledgerId: "bench", n: 1, deploymentId: "bench" };

const ratePerSecond = 500;
const weightChanges = 100;
const rollbacks = 10;
const stepMs = 400;
const latencyCalls = 3000;

/** A backend in a process of its own, so that client and server do not share a thread. */
async function serveAsBackend(revision: string): Promise<void> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": 6, "x-revision": revision });
    response.end("served");
  });
  const { port } = await listen(server);
  process.stdout.write(`${port}\n`);
  // Ends with whoever started it.
  process.stdin.on("end", () => process.exit(0)).resume();
}

interface Backend {
  readonly endpoint: Endpoint;
  stop(): void;
}

async function startBackend(revision: string): Promise<Backend> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--backend", revision], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve) => child.stdout.once("data", (line) => resolve(Number(line))));
  return { endpoint: { host: "127.0.0.1", port }, stop: () => child.kill() };
}

interface Sample {
  readonly startedMs: number;
  status: number;
  revision: string | undefined;
}

/** An open loop: requests start on time whether or not earlier ones have been answered. */
async function load(url: string, signal: AbortSignal): Promise<readonly Sample[]> {
  const agent = new Agent({ keepAlive: true });
  const samples: Sample[] = [];
  const pending: Promise<void>[] = [];
  const beganMs = performance.now();
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - beganMs) * ratePerSecond) / 1000);
    while (samples.length < due) {
      const sample: Sample = { startedMs: performance.now(), status: 0, revision: undefined };
      samples.push(sample);
      pending.push(ask(url, "/", agent).then((answer) => void Object.assign(sample, answer)));
    }
    await wallClock.sleep(1);
  }
  await Promise.all(pending);
  agent.destroy();
  return samples;
}

interface Step {
  readonly percent: number;
  readonly fromMs: number;
  toMs: number;
}

async function weightsUnderLoad(router: BuiltinRouter, splitAt: (percent: number) => Split): Promise<Figure[]> {
  const steps: Step[] = [];
  const shiftMs: number[] = [];
  const shift = async (percent: number) => {
    const beganMs = performance.now();
    const before = steps.at(-1);
    // Until the acknowledgement a request may rightly go by either split.
    if (before !== undefined) before.toMs = beganMs;
    await router.shift(splitAt(percent), attempt, forever);
    const fromMs = performance.now();
    shiftMs.push(fromMs - beganMs);
    steps.push({ percent, fromMs, toMs: Number.POSITIVE_INFINITY });
  };
  await shift(0);
  const over = new AbortController();
  const loading = load(router.url, over.signal);
  for (let change = 0; change < weightChanges; change++) {
    await shift([5, 50, 100, 25, 1][change % 5] ?? 0);
    await wallClock.sleep(stepMs);
  }
  for (let rollback = 0; rollback < rollbacks; rollback++) {
    await shift(100);
    await wallClock.sleep(stepMs / 2);
    await shift(0);
    await wallClock.sleep(stepMs / 2);
  }
  over.abort();
  const samples = await loading;
  const lost = samples.filter((sample) => sample.status !== 200).length;
  const off = steps.slice(1).map((step) => pointsOff(step, samples));
  return [
    {
      what: `requests during ${weightChanges} weight changes and ${rollbacks} rollbacks`,
      value: samples.length,
      unit: "",
    },
    { what: "lost requests", value: lost, unit: "", limit: 0 },
    { what: "largest distance of a step's share from its weight", value: Math.max(...off), unit: "points", limit: 1 },
    { what: "a shift, written to disk and acknowledged, p50", value: quantile(shiftMs, 0.5), unit: "ms" },
    { what: "a shift, p99", value: quantile(shiftMs, 0.99), unit: "ms" },
  ];
}

/** Of the requests that started while the step was in force. */
function pointsOff(step: Step, samples: readonly Sample[]): number {
  const within = samples.filter(({ startedMs }) => startedMs >= step.fromMs && startedMs < step.toMs);
  const candidate = within.filter(({ revision }) => revision === "candidate").length;
  return within.length === 0 ? 0 : Math.abs((100 * candidate) / within.length - step.percent);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

async function timed(url: string, agent: Agent): Promise<number> {
  const beganMs = performance.now();
  await ask(url, "/", agent);
  return performance.now() - beganMs;
}

/** One call at a time, direct and through the router in turn, so that both meet the same machine. */
async function addedLatency(direct: string, routed: string): Promise<Figure[]> {
  const agent = new Agent({ keepAlive: true });
  const [straight, through]: [number[], number[]] = [[], []];
  for (let call = 0; call < latencyCalls; call++) {
    straight.push(await timed(direct, agent));
    through.push(await timed(routed, agent));
  }
  agent.destroy();
  const ready = latencyCalls / 10;
  const [a, b] = [straight.slice(ready), through.slice(ready)];
  return [0.5, 0.99].flatMap((q) => [
    { what: `direct call, p${q * 100}`, value: quantile(a, q), unit: "ms" },
    { what: `through the router, p${q * 100}`, value: quantile(b, q), unit: "ms" },
    { what: `added by the router, p${q * 100}`, value: quantile(b, q) - quantile(a, q), unit: "ms" },
  ]);
}

async function main(json: boolean): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const [stable, candidate] = [await startBackend("stable"), await startBackend("candidate")];
  try {
    await ensureBuiltinRouter({ stateFolder: folder, nodePath: process.execPath, clock: wallClock });
    const port = await freePort();
    const route = { stateFolder: folder, route: "bench/web", host: "127.0.0.1", port, clock: wallClock };
    const router = builtinRouter(route);
    const splitAt = (percent: number): Split => [
      { revision: "stable", percent: 100 - percent, endpoints: [stable.endpoint] },
      { revision: "candidate", percent, endpoints: [candidate.endpoint] },
    ];
    const figures = await weightsUnderLoad(router, splitAt);
    await router.shift(splitAt(100), attempt, forever);
    const direct = `http://${candidate.endpoint.host}:${candidate.endpoint.port}`;
    figures.push(...(await addedLatency(direct, router.url)));
    figures.push(...(await fullSpeed(folder, candidate.endpoint, router.url)));
    report(figures, json);
  } finally {
    stable.stop();
    candidate.stop();
    await stopBuiltinRouter(folder, wallClock, "the measurement is over", 0);
    await rm(folder, { recursive: true });
  }
}

/** Fails the run when a promise is broken. */
function report(figures: readonly Figure[], json: boolean): void {
  const broken = figures.filter(({ value, limit }) => limit !== undefined && !(value <= limit));
  if (json) console.log(JSON.stringify({ bench: "router", node: process.version, ok: broken.length === 0, figures }));
  else for (const figure of figures) console.log(line(figure));
  if (broken.length > 0) process.exitCode = 1;
}

function line({ what, value, unit, limit }: Figure): string {
  const number = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 3 : 0);
  const promise = limit === undefined ? "" : `  (at most ${limit}: ${value <= limit ? "kept" : "BROKEN"})`;
  return `${what.padEnd(62)} ${number.padStart(9)} ${unit}${promise}`.trimEnd();
}

const { backend, json } = parseArgs({
  options: { backend: { type: "string" }, json: { type: "boolean", default: false } },
}).values;
await (backend === undefined ? main(json) : serveAsBackend(backend));
