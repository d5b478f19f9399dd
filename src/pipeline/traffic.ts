/**
 * The weights of all routes of one deployment. One change at a time: a renewal that overtook a shift would turn the weights
 * back. Every change is read back from the routers (lie 3 of architecture.md).
 */
import type { Attempt } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import { type RevisionId, type Split, sameWeights } from "../domain/traffic.ts";
import type { Router } from "../ports/router.ts";

export interface RouteSplit {
  readonly component: string;
  readonly split: Split;
  /** Who gets all traffic when nobody renews; null where there is nobody. */
  readonly fallback: RevisionId | null;
}

export interface Traffic {
  /** Shifts the routes in the order given and reads each back. */
  shift(routes: readonly RouteSplit[], attempt: Attempt, signal: AbortSignal): Promise<void>;
  /** What is renewed from now on; also after a replay that did not shift anything itself. */
  attend(routes: readonly RouteSplit[], attempt: Attempt): void;
  /** There is a split to renew. */
  isAttended(): boolean;
  /**
   * Renews the attendance of the last split, where the router still has it: one that went back to stable by itself, or was
   * changed by somebody, is not turned again behind the back of the checks. Does nothing where nothing is attended.
   */
  renew(signal: AbortSignal): Promise<void>;
  /** Throws ROUTER_DISAGREES where a router no longer has the attended split. */
  verify(signal: AbortSignal): Promise<void>;
}

export function openTraffic(routers: ReadonlyMap<string, Router>, unattendedMs: number): Traffic {
  let attended: { readonly routes: readonly RouteSplit[]; readonly attempt: Attempt } | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const oneAtATime = <T>(action: () => Promise<T>): Promise<T> => {
    const next = last.then(action, action);
    last = next.catch(() => undefined);
    return next;
  };

  const put = async (route: RouteSplit, attempt: Attempt, signal: AbortSignal): Promise<Router> => {
    const router = routerOf(routers, route.component);
    const unattended =
      route.fallback === null ? {} : { unattended: { fallback: route.fallback, afterMs: unattendedMs } };
    await router.shift(route.split, attempt, signal, unattended);
    return router;
  };

  return {
    shift: (routes, attempt, signal) =>
      oneAtATime(async () => {
        // Nothing is renewed while weights change, and after a failed change nobody knows what to renew.
        attended = undefined;
        for (const route of routes) {
          const router = await put(route, attempt, signal);
          await readBack(router, route, signal);
        }
        attended = { routes, attempt };
      }),
    attend(routes, attempt) {
      attended = { routes, attempt };
    },
    isAttended: () => attended !== undefined,
    renew: (signal) =>
      oneAtATime(async () => {
        if (attended === undefined) return;
        const { routes, attempt } = attended;
        for (const route of routes.filter(({ fallback }) => fallback !== null)) {
          const seen = await routerOf(routers, route.component).observe(signal);
          if (sameWeights(seen, route.split)) await put(route, attempt, signal);
        }
      }),
    verify: (signal) =>
      oneAtATime(async () => {
        for (const route of attended?.routes ?? []) await readBack(routerOf(routers, route.component), route, signal);
      }),
  };
}

function routerOf(routers: ReadonlyMap<string, Router>, component: string): Router {
  const router = routers.get(component);
  if (router) return router;
  throw new SluiceError({
    code: "INTERNAL",
    remedy: "bug",
    at: "pipeline.traffic",
    message: `Component ${component} has no router.`,
    hint: "Give it a route in sluice.yaml, then: sluice validate",
  });
}

async function readBack(router: Router, route: RouteSplit, signal: AbortSignal): Promise<void> {
  const seen = await router.observe(signal);
  if (sameWeights(seen, route.split)) return;
  const words = (split: Split) => split.map((share) => `${share.revision} ${share.percent} %`).join(", ") || "nothing";
  throw new SluiceError({
    code: "ROUTER_DISAGREES",
    remedy: "operator",
    at: "pipeline.traffic",
    message: `The router of ${route.component} was asked for ${words(route.split)} and reports ${words(seen)}.`,
    hint: "Somebody else may be changing its weights. See what it serves: sluice status",
  });
}
