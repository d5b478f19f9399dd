/**
 * The clients of verdict-live, in a process of their own: a constant rate of requests, sent when they are due and not when the last
 * one came back (open loop), over connections that are kept. Notes of each who answered and how, and tells its parent when asked.
 * Started by bench/verdict-live/load.ts: `node bench/verdict-live-load.ts <port> <requests per second>`.
 */
import { Agent, get } from "node:http";
import type { Asked, Seen, Told } from "./verdict-live/load.ts";

const [port, perSecond] = process.argv.slice(2).map(Number) as [number, number];

/** Whoever is pretended to ask: the router divides its counts by them. */
const visitors = 400;
const patienceMs = 10_000;

/** Indexes of answers are those of `versions`; `failed` is an answer of 500 and more, or none. */
const versions = ["nobody"];
const sentMs: number[] = [];
const answeredBy: number[] = [];
const failed: boolean[] = [];
/** From when it was due: what a client waits that comes at its own time. */
const tookMs: number[] = [];

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

function send(dueMs: number): void {
  const headers = { "x-forwarded-for": `10.0.${(sentMs.length % visitors) >> 8}.${(sentMs.length % visitors) & 255}` };
  const at = sentMs.push(dueMs) - 1;
  answeredBy[at] = -1;
  const done = (version: string, isFailed: boolean) => {
    if (answeredBy[at] !== -1) return;
    answeredBy[at] = versions.includes(version) ? versions.indexOf(version) : versions.push(version) - 1;
    failed[at] = isFailed;
    tookMs[at] = Date.now() - dueMs;
  };
  const request = get({ host: "127.0.0.1", port, path: "/", agent, headers, timeout: patienceMs }, (response) => {
    const version = String(response.headers["x-version"] ?? "nobody");
    response.on("error", () => done(version, true));
    response.on("end", () => done(version, (response.statusCode ?? 0) >= 500)).resume();
  });
  request.on("error", () => done("nobody", true));
  request.on("timeout", () => request.destroy(new Error("no answer")));
}

function summary({ fromMs, toMs, version }: Asked): Seen {
  const only = version === undefined ? undefined : versions.indexOf(version);
  const isMeant = (by: number): boolean => by !== -1 && (only === undefined || by === only);
  const meant = [...sentMs.keys()].filter((at) => {
    const sentAtMs = sentMs[at] ?? Number.NaN;
    return sentAtMs >= fromMs && sentAtMs <= toMs && isMeant(answeredBy[at] ?? -1);
  });
  const times = meant.map((at) => tookMs[at] ?? 0).sort((a, b) => a - b);
  return {
    requests: meant.length,
    p99Ms: times[Math.floor(0.99 * times.length)] ?? Number.NaN,
    failed: meant.filter((at) => failed[at]).length,
    lost: meant.filter((at) => answeredBy[at] === 0).length,
    firstMs: sentMs[meant[0] ?? -1] ?? Number.POSITIVE_INFINITY,
    lastMs: sentMs[meant.at(-1) ?? -1] ?? Number.NEGATIVE_INFINITY,
  };
}

const startedMs = Date.now();
let sent = 0;
setInterval(() => {
  const dueCount = Math.floor(((Date.now() - startedMs) * perSecond) / 1000);
  for (; sent < dueCount; sent++) send(startedMs + (sent * 1000) / perSecond);
}, 2);

process.on("message", (asked: Asked) => {
  const told: Told = { id: asked.id, seen: summary(asked) };
  process.send?.(told);
});
process.on("disconnect", () => process.exit(0));
