/** Draining: wait for what a weightless revision still does, then cut what is left. */
import { SluiceError } from "../../domain/errors.ts";
import { percentOf } from "../../domain/traffic.ts";
import type { Clock } from "../../ports/clock.ts";
import { deadlineIn } from "../../ports/deadline.ts";
import type { LiveRoute } from "./live-route.ts";
import { cutAll, idle } from "./revision.ts";

/** Returns how many were cut. `signal`: whoever asked has gone, and nothing is cut. */
export async function drain(
  route: LiveRoute,
  id: string,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  refuseWithWeight(route, id);
  const revision = route.revision(id);
  if (revision === undefined) return 0;
  await using limit = deadlineIn(timeoutMs, clock, { signal });
  await idle(revision, limit.signal);
  if (signal.aborted) return 0;
  // It may have been given weight again while we waited.
  refuseWithWeight(route, id);
  return cutAll(revision);
}

function refuseWithWeight(route: LiveRoute, id: string): void {
  const percent = percentOf(route.split, id);
  if (percent === 0) return;
  throw new SluiceError({
    code: "ROUTER_DISAGREES",
    remedy: "operator",
    at: "builtin-router.drain",
    message: `${id} still has ${percent} % of route ${route.name}; draining it would lose requests.`,
    hint: "Shift its traffic away first. See the split: sluice status",
  });
}
