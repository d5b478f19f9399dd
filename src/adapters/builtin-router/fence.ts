/** The fence, enforced where the traffic is: the router itself refuses who may not steer it (architecture.md, rule 3). */
import { type FenceRecord, ruleOnFence } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Orders } from "./protocol.ts";

/** Refuses a lower attempt and another ledger's; a person's override with a reason passes. */
export function rule(fence: FenceRecord | null, orders: Orders): void {
  if (orders.force === true) return;
  if (orders.attempt === undefined) throw unsigned(orders.route);
  const ruling = ruleOnFence(fence ?? undefined, orders.attempt);
  if (ruling === "obey" || fence === null) return;
  if (ruling === "stale") {
    throw new SluiceError({
      code: "STALE_ATTEMPT",
      remedy: "operator",
      at: "builtin-router.fence",
      message: `Route ${orders.route} obeys attempt ${fence.n} (deployment ${fence.deploymentId}); attempt ${orders.attempt.n} is older.`,
      hint: `Another execution has taken over; this one must stop. See it: sluice status ${fence.deploymentId}`,
    });
  }
  throw new SluiceError({
    code: "LEDGER_FOREIGN",
    remedy: "operator",
    at: "builtin-router.fence",
    message: `Route ${orders.route} belongs to ledger ${fence.ledgerId} (attempt ${fence.n}, deployment ${fence.deploymentId}), not to ${orders.attempt.ledgerId}.`,
    hint: `Deploy from where that ledger is used, or take the route over: sluice lock take-over --reason "<why>"`,
  });
}

const unsigned = (route: string): SluiceError =>
  new SluiceError({
    code: "USAGE",
    remedy: "bug",
    at: "builtin-router.fence",
    message: `An order for route ${route} names no attempt.`,
    hint: `Give an attempt, or override by hand: {"force": true, "reason": "<why>"}`,
  });

export const routeUnknown = (route: string, known: readonly string[]): SluiceError =>
  new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "builtin-router.route",
    message: `The router has no route ${route}; it has ${known.join(", ") || "none"}.`,
    hint: `The next deployment creates it. See what is there: sluice status`,
  });
