/**
 * What the load generator writes and the demo reads: one JSON object per line. A failure that the shop itself marks
 * (`x-shop-fault: release`) is the release's; every other one counts against Sluice, which has to prove that it lost
 * nothing. A request is counted in the second in which it ended.
 */
import { readFile } from "node:fs/promises";

/** Why a request failed: an answer of 500 to 599, any other unexpected answer, or no answer at all. */
export type FailureKind = "5xx" | "unexpected" | "refused" | "reset" | "timeout";

export interface LoadCounts {
  readonly sent: number;
  readonly ok: number;
  /** By kind; absent kinds are zero. */
  readonly failures: Readonly<Partial<Record<FailureKind, number>>>;
  readonly failedByRelease: number;
  readonly failedBySluice: number;
  /** Due but not sent since too many were already under way: the generator's own limit, nobody's failure. */
  readonly skipped: number;
  /** Answers by the gateway's version (`x-shop-version`). */
  readonly gatewayVersions: Readonly<Record<string, number>>;
  /** Answers by the version of the service behind the gateway (`x-shop-upstream-version`). */
  readonly upstreamVersions: Readonly<Record<string, number>>;
}

export interface LoadLatency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

export interface LoadSecond extends LoadCounts, LoadLatency {
  readonly type: "second";
  /** The second's begin, milliseconds since 1970. */
  readonly atMs: number;
}

/** One failed request, as evidence; only the first thousand are written. */
export interface LoadFailure {
  readonly type: "failure";
  readonly atMs: number;
  readonly kind: FailureKind;
  readonly causedBy: "release" | "sluice";
  readonly request: string;
  readonly detail: string;
}

export interface LoadSummary extends LoadCounts {
  readonly type: "summary";
  readonly fromMs: number;
  readonly toMs: number;
  /** Sent, over the whole time. */
  readonly requestsPerSecond: number;
}

export type LoadLine = LoadSecond | LoadFailure | LoadSummary;

/** Every complete line of the file; a last line that is still being written is left out. */
export async function readLoad(file: string): Promise<readonly LoadLine[]> {
  const text = await readFile(file, "utf8");
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LoadLine);
}

/** The sum of the seconds that begin in [fromMs, toMs). */
export function countsBetween(lines: readonly LoadLine[], fromMs: number, toMs: number): LoadCounts {
  const seconds = lines.filter((line) => line.type === "second" && line.atMs >= fromMs && line.atMs < toMs);
  return seconds.reduce<LoadCounts>((sum, line) => (line.type === "second" ? addCounts(sum, line) : sum), noCounts());
}

export function addCounts(a: LoadCounts, b: LoadCounts): LoadCounts {
  return {
    sent: a.sent + b.sent,
    ok: a.ok + b.ok,
    failures: addRecords(a.failures, b.failures),
    failedByRelease: a.failedByRelease + b.failedByRelease,
    failedBySluice: a.failedBySluice + b.failedBySluice,
    skipped: a.skipped + b.skipped,
    gatewayVersions: addRecords(a.gatewayVersions, b.gatewayVersions),
    upstreamVersions: addRecords(a.upstreamVersions, b.upstreamVersions),
  };
}

export function noCounts(): LoadCounts {
  const none = { failures: {}, gatewayVersions: {}, upstreamVersions: {} };
  return { sent: 0, ok: 0, failedByRelease: 0, failedBySluice: 0, skipped: 0, ...none };
}

export const failed = (counts: LoadCounts): number => counts.failedByRelease + counts.failedBySluice;

function addRecords(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum = { ...a };
  for (const [key, count] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}
