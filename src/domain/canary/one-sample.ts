/**
 * Where no control exists (synthetic probes, a version that has all of the traffic): the likelihood ratio of a declared failure rate
 * against a worse one (Wald 1945). It grows with each failure, so it is fair at the declared rate and losing below it. It
 * cannot tell a bad release from a shared outage, which is why it is used only without a control.
 */
import type { RateCounts } from "./bucket.ts";

/** `declaredRate` is what is allowed, `failingRate` what a broken release is expected to show, e.g. 0.01 and 0.9. */
export interface OneSampleNull {
  readonly declaredRate: number;
  readonly failingRate: number;
}

/** Nats of one bucket: 4.5 for each failed probe at the defaults, −2.3 for each that passed. */
export const oneSampleIncrement = (
  { events, total }: RateCounts,
  { declaredRate, failingRate }: OneSampleNull,
): number =>
  events * Math.log(failingRate / declaredRate) +
  (total - events) * (Math.log1p(-failingRate) - Math.log1p(-declaredRate));
