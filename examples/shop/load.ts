/**
 * The load generator, a process of its own: `node load.ts --url http://127.0.0.1:8080 --rate 220 --out load.jsonl`.
 * It sends at a steady rate whatever comes back (open loop), writes one line a second to the file and prints nothing.
 * It never repeats a request: what a client would see is what is counted. SIGTERM, or with `--until-stdin-ends` the end
 * of standard input, lets what is under way finish, writes the summary and ends with 0.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import {
  addCounts,
  type FailureKind,
  type LoadCounts,
  type LoadLatency,
  type LoadLine,
  noCounts,
} from "./load-record.ts";

const { values: options } = parseArgs({
  options: {
    url: { type: "string" },
    rate: { type: "string", default: "220" },
    out: { type: "string" },
    sockets: { type: "string", default: "64" },
    "until-stdin-ends": { type: "boolean", default: false },
  },
});

const { url, out: outFile } = options;
if (url === undefined || outFile === undefined) {
  console.error("usage: node load.ts --url <address> --out <file> [--rate 220] [--sockets 64] [--until-stdin-ends]");
  process.exit(2);
}
const out: string = outFile;
const requestsPerSecond = Number(options.rate);
/** With this many under way the address hardly answers any more; sending on would only measure our own queue. */
const maxUnderWay = requestsPerSecond * 10;
const maxFailuresWritten = 1_000;
const timeoutMs = 10_000;

interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
}

const items: Call = { method: "GET", path: "/api/items" };
const others: readonly Call[] = [
  { method: "GET", path: "/" },
  { method: "POST", path: "/api/auth/login", body: JSON.stringify({ user: "demo", password: "demo" }) },
  { method: "GET", path: "/api/items/1" },
];
/** Ten calls in turn: seven lists, and one each of the page, a login and a single item. */
const mix = Array.from({ length: 10 }, (_, turn) => (turn % 3 === 2 ? others[(turn - 2) / 3] : undefined) ?? items);

const pool = new Pool(url, {
  connections: Number(options.sockets),
  headersTimeout: timeoutMs,
  bodyTimeout: timeoutMs,
  connect: { timeout: timeoutMs },
});

const startedAtMs = Date.now();
let total = noCounts();
let current = freshSecond();
let dispatched = 0;
let underWay = 0;
let failuresWritten = 0;
let stopping = false;

function freshSecond() {
  const gatewayVersions: Record<string, number> = {};
  const upstreamVersions: Record<string, number> = {};
  const failures: Partial<Record<FailureKind, number>> = {};
  return { ...noCounts(), failures, gatewayVersions, upstreamVersions, latenciesMs: [] as number[] };
}

function write(line: LoadLine): void {
  appendFileSync(out, `${JSON.stringify(line)}\n`);
}

/** Sends what is due by now: after a pause of the process the missed ones follow at once, so the rate holds. */
function sendDue(): void {
  const due = Math.floor(((Date.now() - startedAtMs) * requestsPerSecond) / 1_000);
  for (; dispatched < due; dispatched++) {
    const call = mix[dispatched % mix.length] ?? items;
    if (underWay >= maxUnderWay) current.skipped++;
    else void send(call);
  }
}

async function send(call: Call): Promise<void> {
  const begunAtMs = performance.now();
  current.sent++;
  underWay++;
  try {
    const headers = call.body === undefined ? {} : { "content-type": "application/json" };
    const answer = await pool.request({ ...call, headers });
    await answer.body.dump({ limit: 1_048_576 });
    count(call, answer.statusCode, answer.headers);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    countFailure(call, kindOf(code), "sluice", `${code} ${message}`);
  } finally {
    underWay--;
    current.latenciesMs.push(performance.now() - begunAtMs);
  }
}

function count(call: Call, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
  tally(current.gatewayVersions, headers["x-shop-version"]);
  tally(current.upstreamVersions, headers["x-shop-upstream-version"]);
  if (status < 400) {
    current.ok++;
    return;
  }
  const causedBy = headers["x-shop-fault"] === "release" ? "release" : "sluice";
  countFailure(call, status >= 500 ? "5xx" : "unexpected", causedBy, `answered ${status}`);
}

function tally(versions: Record<string, number>, version: string | string[] | undefined): void {
  if (typeof version === "string") versions[version] = (versions[version] ?? 0) + 1;
}

function countFailure(call: Call, kind: FailureKind, causedBy: "release" | "sluice", detail: string): void {
  current.failures[kind] = (current.failures[kind] ?? 0) + 1;
  if (causedBy === "release") current.failedByRelease++;
  else current.failedBySluice++;
  if (failuresWritten++ >= maxFailuresWritten) return;
  write({ type: "failure", atMs: Date.now(), kind, causedBy, request: `${call.method} ${call.path}`, detail });
}

function kindOf(code: string): FailureKind {
  if (code === "ECONNREFUSED") return "refused";
  return code.includes("TIMEOUT") || code === "ETIMEDOUT" ? "timeout" : "reset";
}

function closeSecond(atMs: number): void {
  const { latenciesMs, ...counts } = current;
  current = freshSecond();
  total = addCounts(total, counts satisfies LoadCounts);
  write({ type: "second", atMs, ...counts, ...latencyOf(latenciesMs) });
}

function latencyOf(latenciesMs: readonly number[]): LoadLatency {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 10) / 10;
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}

let secondBeganAtMs = startedAtMs;
function tick(): void {
  sendDue();
  const nowMs = Date.now();
  if (nowMs - secondBeganAtMs < 1_000) return;
  closeSecond(secondBeganAtMs);
  secondBeganAtMs = nowMs;
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  clearInterval(timer);
  // `close` waits for what is under way; whatever hangs is cut by the pool's own time limits or by this.
  const limit = setTimeout(() => void pool.destroy(), 5_000);
  await pool.close().catch(() => undefined);
  clearTimeout(limit);
  // One turn later the requests that ended with the pool have been counted.
  await new Promise((resolve) => setImmediate(resolve));
  closeSecond(secondBeganAtMs);
  const toMs = Date.now();
  const rate = Math.round((total.sent * 10_000) / (toMs - startedAtMs)) / 10;
  write({ type: "summary", ...total, fromMs: startedAtMs, toMs, requestsPerSecond: rate });
  process.exit(0);
}

writeFileSync(out, "");
const timer = setInterval(tick, 10);
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
if (options["until-stdin-ends"])
  process.stdin
    .on("end", () => void stop())
    .on("error", () => void stop())
    .resume();
