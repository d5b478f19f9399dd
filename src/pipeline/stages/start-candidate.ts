/** R4 R5: the candidate starts beside the stable version, in declared order, and is ready before it gets a request. */
import { placeOf, type Serving, type ServingComponent } from "../../domain/serving.ts";
import type { ComponentSettings } from "../../domain/settings.ts";
import type { Instance, RunSpec } from "../../ports/target.ts";
import type { Parts } from "../parts.ts";
import type { Stage } from "../stage.ts";
import { drainAndStop } from "./retire.ts";

interface StartIntent {
  /** In the order in which they are started. */
  readonly candidate: readonly ServingComponent[];
  readonly stable: Serving | null;
}

export interface Started {
  readonly candidate: readonly Instance[];
  /** As the target reports them now; empty where nothing serves. */
  readonly stable: readonly Instance[];
}

export const startCandidate: Stage<StartIntent, StartIntent, Started> = {
  name: "start",
  touches: "workload",
  plan: ({ settings, release, serving }) =>
    settings.components.map(
      ({ name, instances }) =>
        `start ${name} ${release.version}${instances > 1 ? ` × ${instances}` : ""}${serving ? ` beside ${serving.version}` : ""}, wait until it is ready`,
    ),
  expectedMs: ({ settings }) => 2_000 * settings.components.length,
  prepare: (intent) => intent,
  async run({ candidate, stable }, ctx) {
    const started: Instance[] = [];
    for (const component of candidate) {
      await ctx.guard();
      const instances = await ctx.parts.target.start(runSpec(ctx.parts, component), ctx.attempt, ctx.signal);
      started.push(...instances);
      await ctx.progress(`${component.component} ${component.version} is ready`, {
        endpoints: instances.map(({ endpoint }) => `${endpoint.host}:${endpoint.port}`),
      });
    }
    return { candidate: started, stable: await runningOf(ctx.parts, stable, ctx.signal) };
  },
  async undo({ candidate, stable }, ctx) {
    const kept = new Set(stable?.components.map(placeOf));
    for (const { component, revision } of [...candidate].reverse()) {
      if (kept.has(placeOf({ component, revision }))) continue;
      await drainAndStop(component, revision, ctx);
    }
  },
  summary: ({ candidate }) => `${candidate.length} instance${candidate.length === 1 ? "" : "s"} ready`,
};

async function runningOf(parts: Parts, stable: Serving | null, signal: AbortSignal): Promise<readonly Instance[]> {
  if (stable === null) return [];
  const places = new Set(stable.components.map(placeOf));
  const seen = await parts.target.observe(signal);
  return seen.filter((instance) => instance.state === "running" && places.has(placeOf(instance)));
}

/** Secrets are looked up here, just before the start, and nowhere earlier (rule 10). */
export function runSpec(parts: Parts, component: ServingComponent): RunSpec {
  const { settings } = component;
  return {
    component: component.component,
    revision: component.revision,
    version: component.version,
    artifact: component.artifact,
    command: settings.command,
    workingDirectory: settings.workingDirectory,
    environment: Object.fromEntries(
      Object.entries(settings.environment).map(([name, value]) => [name, parts.secrets.resolve(value)]),
    ),
    instances: settings.instances,
    ready: readyProbe(settings, component.version),
    stopTimeoutMs: settings.stopTimeoutMs,
  };
}

function readyProbe({ ready }: ComponentSettings, version: string): RunSpec["ready"] {
  return {
    path: ready.path,
    expectStatus: ready.status,
    ...(ready.tellsVersion ? { expectVersion: version } : {}),
    intervalMs: ready.intervalMs,
    timeoutMs: ready.timeoutMs,
  };
}
