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

/** component → revision → counters. */
export type Readings = ReadonlyMap<string, ReadonlyMap<RevisionId, Counters>>;

export interface Windows {
  readonly candidate: TrafficWindow;
  readonly stable: TrafficWindow | undefined;
}

export async function readCounters({ parts, signal }: StageContext): Promise<Readings> {
  const entries = await Promise.all(
    [...parts.routers].map(async ([component, router]) => [component, await router.counters(signal)] as const),
  );
  return new Map(entries);
}

export function windowsSince(
  before: Readings,
  after: Readings,
  versions: { readonly candidate: readonly ServingComponent[]; readonly stable: Serving | null },
): Windows {
  const sum = (components: readonly ServingComponent[]) =>
    components
      .map(({ component, revision }) =>
        windowBetween(before.get(component)?.get(revision), after.get(component)?.get(revision)),
      )
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
