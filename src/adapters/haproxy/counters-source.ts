/** O4: HAProxy's own counters, per server, read over its runtime socket at the grid's edges. */
import type { HaproxySettings } from "../../domain/metric-settings.ts";
import { armValues, render } from "../../domain/metric-template.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricArm, MetricSource } from "../../ports/metric-source.ts";
import { type ArmSamples, type Look, sampledSource } from "../metric-sampling.ts";
import { type ServerCounters, statisticsCommand, statisticsOf } from "./counters.ts";
import { askSocket } from "./runtime-socket.ts";

export interface HaproxyCountersOptions extends Omit<HaproxySettings, "kind"> {
  readonly environment: string;
  readonly clock: Clock;
}

type HaproxyMetric = HaproxySettings["metrics"][number];

export function haproxySource(options: HaproxyCountersOptions): MetricSource {
  const { name, clock, metrics, environment, timeoutMs } = options;
  const socket = { path: options.socket, clock, timeoutMs };
  return sampledSource({
    kind: "haproxy",
    name,
    clock,
    metrics: metrics.map((metric) => metric.name),
    async look({ candidate, stable }, signal): Promise<Look> {
      const answer = await askSocket(socket, statisticsCommand, signal);
      if (answer.kind === "fault") return answer;
      const statistics = statisticsOf(answer.text);
      if (statistics.kind === "fault") return statistics;
      const of = (metric: HaproxyMetric) => ({
        candidate: samplesOf(metric, candidate, environment, statistics.servers),
        stable: samplesOf(metric, stable, environment, statistics.servers),
      });
      return { kind: "seen", metrics: new Map(metrics.map((metric) => [metric.name, of(metric)])) };
    },
  });
}

function samplesOf(
  metric: HaproxyMetric,
  arm: MetricArm,
  environment: string,
  servers: readonly ServerCounters[],
): ArmSamples {
  const values = armValues(arm, metric.component, environment);
  const backend = render(metric.backend, values, "haproxy-name");
  const server = render(metric.server, values, "haproxy-name");
  if (backend.kind === "fault") return unusable(backend.reason);
  if (server.kind === "fault") return unusable(server.reason);
  const found = servers.filter((one) => one.backend === backend.text && fits(one.server, server.text));
  return found.length === 0
    ? unusable(`the backend ${backend.text} has no server ${server.text}`)
    : new Map(found.map((one) => [one.server, one.sample]));
}

const fits = (name: string, pattern: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/** A reading that says why there is none. */
const unusable = (fault: string): ArmSamples => new Map([["", { values: [0, 0], fault }]]);
