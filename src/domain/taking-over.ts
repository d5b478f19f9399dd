/**
 * A deployment whose process died is taken over; one whose processes keep dying is not, for ever: whatever kills them would
 * be repeated without end, and each repetition acts on production.
 */
import { humanDuration } from "./duration.ts";

/** Earlier takeovers are forgotten after this: what dies once a day is not a loop. */
const rememberedMs = 10 * 60_000;
/** As often at once; then each pause is twice the one before. */
const atOnce = 2;
const firstPauseMs = 2_000;
const mostTakeOvers = 5;

export type TakeOverRuling =
  | { readonly kind: "now" }
  | { readonly kind: "later"; readonly atMs: number }
  | { readonly kind: "give-up"; readonly why: string };

/** @param takenOverAtMs when it was taken over without anybody asking; its order is not needed. */
export function ruleOnTakeOver(takenOverAtMs: readonly number[], nowMs: number): TakeOverRuling {
  const lately = takenOverAtMs.filter((atMs) => nowMs - atMs < rememberedMs);
  if (lately.length < atOnce) return { kind: "now" };
  const sinceMs = nowMs - Math.min(...lately);
  if (lately.length >= mostTakeOvers) {
    const why = `the process that ran it died ${lately.length + 1} times within ${humanDuration(sinceMs)}`;
    return { kind: "give-up", why };
  }
  const atMs = Math.max(...lately) + firstPauseMs * 2 ** (lately.length - atOnce);
  return atMs <= nowMs ? { kind: "now" } : { kind: "later", atMs };
}
