/** How a rollout judges the candidate, and how its weights may follow from that. */

export const rolloutStrategies = ["steps", "adaptive"] as const;
export type RolloutStrategy = (typeof rolloutStrategies)[number];

export const verdictModes = ["decides", "advisory", "off"] as const;

/** The sequential test (Z2). All of it is fixed when a deployment begins, and shown in its plan. */
export interface VerdictSettings {
  /** `advisory`: computed, told and recorded, but decides nothing. */
  readonly mode: (typeof verdictModes)[number];
  readonly bucketMs: number;
  /** A bucket is read this long after its end, for both versions alike. */
  readonly graceMs: number;
  /** Meanwhile only gross faults count. */
  readonly warmUpMs: number;
  /** How long a rollout is planned to take: over this time the test's restarts are spread. */
  readonly horizonMs: number;
  /** Probability, 0 to 1, with which a version as good as the stable one is rolled back: over the whole rollout. */
  readonly falseAlarm: number;
  /** The same for holding the weight. */
  readonly holdFalseAlarm: number;
  /** How much more errors vary than chance alone makes them (1: not at all). Null: measured from the stable version's history. */
  readonly dispersion: number | null;
  /** Used, and named, where there is no history to measure it from. */
  readonly dispersionWithoutHistory: number;
  /**
   * 0 to 1. A weight passes only once it is proven that the candidate fails at most this much more often than the stable version:
   * "no evidence against it" is worth nothing where there were hardly any requests.
   */
  readonly mostExcess: number;
  /** Stable is compared with stable first; a metric that fires then is advisory. */
  readonly rehearsal: boolean;
  /** By metric, adding up to 1. Null: equal. */
  readonly weights: Readonly<Record<string, number>> | null;
  /** Metrics of which a difference inside the margin, once it is sure, holds the weight for a person. */
  readonly holdOn: readonly string[];
  /** Metrics that are shown and recorded, and decide nothing. */
  readonly advisory: readonly string[];
}

/** A ramp whose weights follow from the traffic and from what is known so far (canary errors it may cost, not minutes). */
export interface AdaptiveSettings {
  /** Failed requests that the candidate may cost at worst before it is back. */
  readonly budget: number;
  /** How long it takes from a failure to the weight being back. */
  readonly reactionMs: number;
  /** Each weight is held at least this long, however good it looks: faults that come with time need time. */
  readonly minSoakMs: number;
  /** Beyond this a weight goes on without having been proven good, where nothing speaks against it. */
  readonly maxSoakMs: number;
}
