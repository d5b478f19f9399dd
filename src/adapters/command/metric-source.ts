/**
 * O4: a command of one's own. It gets the question as one JSON object on its standard input and prints one JSON object a line,
 * a bucket each (docs/how-to/metrics.md). It is asked for closed intervals by their times, so it can give the same counts every
 * time; in case it does not, the first answer holds.
 */
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import { SluiceError } from "../../domain/errors.ts";
import { type BucketCounts, indexesOf } from "../../domain/metric-counters.ts";
import { countsGiven, latencyBucket, missing, rateBucket } from "../../domain/metric-pairs.ts";
import type { CommandMetricsSettings } from "../../domain/metric-settings.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricQuery, MetricSource } from "../../ports/metric-source.ts";
import { remembering, unsettled } from "../metric-memory.ts";
import { type CommandEnvironment, runCommand } from "../run-command.ts";

export interface CommandMetricsOptions extends Omit<CommandMetricsSettings, "kind" | "environment" | "command"> {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Of the deployment; told to the command. */
  readonly environment: string;
  readonly variables: CommandEnvironment;
  readonly clock: Clock;
}

const mostLines = 50_000;

export function commandMetricSource(options: CommandMetricsOptions): MetricSource {
  const { name, metrics, clock, settledAfterMs } = options;
  return remembering({
    kind: "command",
    name,
    metrics,
    finestBucketMs: null,
    settledAfterMs,
    async read(query, signal) {
      signal.throwIfAborted();
      if (query.toIndex <= query.fromIndex) return [];
      const printed = await run(options, query, signal);
      return metrics.flatMap((metric) =>
        indexesOf(query).map((index) => {
          const early = unsettled(index, query.bucketMs, settledAfterMs, clock);
          const why = early ?? (printed.kind === "fault" ? printed.reason : undefined);
          return why === undefined
            ? printedBucket(metric, index, printed, name)
            : missing(metric, index, `${name}: ${why}`);
        }),
      );
    },
  });
}

const printedBucket = (metric: string, index: number, printed: Printed, name: string): MetricBucket =>
  bucketOf(metric, index, printed.kind === "lines" ? (printed.byBucket.get(`${metric} ${index}`) ?? []) : [], name);

type Printed =
  | { readonly kind: "lines"; readonly byBucket: ReadonlyMap<string, readonly PrintedBucket[]> }
  | { readonly kind: "fault"; readonly reason: string };

interface PrintedBucket {
  readonly metric?: unknown;
  readonly index?: unknown;
  readonly missing?: unknown;
  readonly candidate?: PrintedArm;
  readonly stable?: PrintedArm;
}

interface PrintedArm {
  readonly events?: unknown;
  readonly total?: unknown;
  /** Upper edges in milliseconds, rising. */
  readonly edgesMs?: unknown;
  /** One more than there are edges; each of its own, the last above the highest edge. */
  readonly counts?: unknown;
}

const fault = (reason: string): { readonly kind: "fault"; readonly reason: string } => ({ kind: "fault", reason });

async function run(options: CommandMetricsOptions, query: MetricQuery, signal: AbortSignal): Promise<Printed> {
  const { argv, cwd, variables: env, timeoutMs, environment } = options;
  const { bucketMs, fromIndex, toIndex, candidate, stable } = query;
  const times = { bucketMs, fromIndex, toIndex, fromMs: fromIndex * bucketMs, toMs: toIndex * bucketMs };
  const input = `${JSON.stringify({ environment, ...times, candidate, stable, metrics: options.metrics })}\n`;
  const lines: string[] = [];
  const onLine = (line: string, stream: string) => {
    if (stream === "stdout" && lines.length <= mostLines) lines.push(line);
  };
  try {
    const result = await runCommand({ argv, cwd, env, timeoutMs, signal, input, onLine });
    if (result.timedOut) return fault(`the command did not end within ${timeoutMs} ms`);
    if (result.exitCode !== 0)
      return fault(excerpt(`the command ended with exit code ${result.exitCode}: ${result.stderrTail}`, 300));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SluiceError && error.failure.code === "COMMAND_FAILED") return fault(error.failure.message);
    throw error;
  }
  return lines.length > mostLines ? fault(`the command printed more than ${mostLines} lines`) : parsed(lines);
}

function parsed(lines: readonly string[]): Printed {
  const written = lines.filter((line) => line.trim() !== "");
  const buckets = written.map(bucketIn);
  const strange = buckets.indexOf(undefined);
  if (strange >= 0)
    return fault(
      `line ${strange + 1} of what the command printed is no JSON object: ${excerpt(written[strange] ?? "", 60)}`,
    );
  const known = buckets.filter((bucket) => bucket !== undefined);
  return { kind: "lines", byBucket: Map.groupBy(known, ({ metric, index }) => `${String(metric)} ${String(index)}`) };
}

function bucketIn(line: string): PrintedBucket | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function bucketOf(metric: string, index: number, lines: readonly PrintedBucket[], name: string): MetricBucket {
  const [line] = lines;
  if (line === undefined) return missing(metric, index, `${name}: the command printed nothing about it`);
  if (lines.length > 1) return missing(metric, index, `${name}: the command printed several lines about it`);
  if (line.missing !== undefined) return missing(metric, index, excerpt(`${name}: ${String(line.missing)}`, 300));
  const { candidate = {}, stable = {} } = line;
  if (candidate?.counts !== undefined || stable?.counts !== undefined) return latencyOf(metric, index, line, name);
  const counts = (arm: PrintedArm): BucketCounts => countsGiven([arm?.events, arm?.total]);
  return rateBucket(metric, index, { candidate: counts(candidate), stable: counts(stable) });
}

function latencyOf(metric: string, index: number, line: PrintedBucket, name: string): MetricBucket {
  const { candidate, stable } = line;
  const edges = candidate?.edgesMs;
  if (!isNumbers(edges) || edges.length === 0 || JSON.stringify(edges) !== JSON.stringify(stable?.edgesMs))
    return missing(metric, index, `${name}: the two versions need the same edgesMs, a list of numbers`);
  const cumulative = (arm: PrintedArm | undefined): BucketCounts => {
    const given = countsGiven(isNumbers(arm?.counts) ? arm.counts : [undefined]);
    if (given.kind !== "counted") return given;
    return { ...given, values: given.values.map((_, at) => given.values.slice(0, at + 1).reduce((a, b) => a + b, 0)) };
  };
  return latencyBucket(metric, index, edges, { candidate: cumulative(candidate), stable: cumulative(stable) });
}

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === "number");
