/** What the routers counted for candidate and stable, as windows over all routed components together (O2). */
import type { Json } from "../domain/json.ts";
import type { Serving, ServingComponent } from "../domain/serving.ts";
import type { Counters, RevisionId } from "../domain/traffic.ts";
import {
  addWindows,
  emptyWindow,
  meanLatencyMsOf,
  quantileMsOf,
  type TrafficWindow,
  windowBetween,
} from "../domain/traffic-window.ts";
import type { StageContext } from "./stage.ts";

/** component → revision → counters. Plain JSON: the one before a watch is journalled, so that a watch begun again sees all of it. */
export type Readings = Readonly<Record<string, Readonly<Record<RevisionId, Counters>>>>;

export interface Versions {
  readonly candidate: readonly ServingComponent[];
  readonly stable: Serving | null;
}

export interface Windows {
  readonly candidate: TrafficWindow;
  readonly stable: TrafficWindow | undefined;
}

/** @param versions the only ones wanted: a router remembers every revision it ever saw. */
export async function readCounters({ parts, signal }: StageContext, versions?: Versions): Promise<Readings> {
  const wanted =
    versions &&
    new Set([...versions.candidate, ...(versions.stable?.components ?? [])].map(({ revision }) => revision));
  const entries = await Promise.all(
    [...parts.routers].map(async ([component, router]) => {
      const counters = [...(await router.counters(signal))].filter(([revision]) => wanted?.has(revision) ?? true);
      return [component, Object.fromEntries(counters)] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** As `before` of a window: the edges of the bins are read from the reading after it. */
export async function readCountersBefore(ctx: StageContext, versions: Versions): Promise<Readings> {
  const readings = await readCounters(ctx, versions);
  const short = (counters: Counters): Counters => ({ ...counters, latencyEdgesMs: [] });
  return Object.fromEntries(
    Object.entries(readings).map(([component, byRevision]) => [
      component,
      Object.fromEntries(Object.entries(byRevision).map(([revision, counters]) => [revision, short(counters)])),
    ]),
  );
}

export function windowsSince(before: Readings, after: Readings, versions: Versions): Windows {
  const sum = (components: readonly ServingComponent[]) =>
    components
      .map(({ component, revision }) => windowBetween(before[component]?.[revision], after[component]?.[revision]))
      .reduce(addWindows, emptyWindow);
  return { candidate: sum(versions.candidate), stable: versions.stable ? sum(versions.stable.components) : undefined };
}

/** The window in the numbers that people and charts read. */
export function drawWindows({ candidate, stable }: Windows): { readonly [key: string]: Json } {
  const draw = (window: TrafficWindow) => ({
    requests: window.requests,
    errors: window.errors,
    meanMs: Math.round(meanLatencyMsOf(window) * 10) / 10,
    p95Ms: Math.round(quantileMsOf(window, 0.95) * 10) / 10,
    resetSeen: window.resetSeen,
  });
  return { candidate: draw(candidate), stable: stable ? draw(stable) : null };
}
