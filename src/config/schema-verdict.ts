/** The sequential test that compares the candidate with the stable version at the same time, and the ramp that it can drive. */
import { z } from "zod";
import { verdictModes } from "../domain/verdict-settings.ts";
import { count, duration, key, line, period, say, share } from "./schema-values.ts";

const probability = () => share().refine((value) => value > 0 && value < 1, say("not between 0 and 1", "write 0.01"));

const weights = () =>
  z.record(line().max(60), share()).superRefine((given, context) => {
    const sum = Object.values(given).reduce((total, weight) => total + weight, 0);
    if (Math.abs(sum - 1) > 1e-9) {
      context.addIssue({
        code: "custom",
        message: say(`the weights add up to ${sum}`, "let them add up to 1"),
        path: [],
      });
    }
  });

export const VerdictRules = z
  .strictObject({
    mode: key(
      z.enum(verdictModes),
      "`advisory`: computed, shown and recorded, but decides nothing. `off`: only the fixed limits judge.",
      "decides",
    ),
    bucket: key(
      period().refine((ms) => ms % 250 === 0, say("not a multiple of 250 ms", "write 5s")),
      "The grid on which both versions are counted.",
      "5s",
    ),
    grace: key(period(), "A bucket is read this long after its end, for both versions alike.", "2s"),
    warmUp: key(
      duration(),
      "For this long only gross faults count, since a version that has just started is slower.",
      "60s",
    ),
    horizon: key(period(), "How long a rollout takes at most; the test's attention is spread over it.", "30m"),
    falseAlarm: key(
      probability(),
      "Probability that a version as good as the stable one is rolled back, over the whole rollout.",
      0.01,
    ),
    holdFalseAlarm: key(probability(), "The same for holding the weight and asking.", 0.05),
    dispersion: key(
      z.union([z.literal("measured"), z.number().min(1).max(1000)]),
      "How much more errors vary than chance makes them: measured from the stable version's last minutes, or a number from 1 on.",
      "measured",
    ),
    dispersionWithoutHistory: key(
      z.number().min(1).max(1000),
      "Used, and named in the story, where the stable version has no history to measure it from.",
      1.5,
    ),
    mostExcess: key(
      probability(),
      "A weight passes only once it is proven that the candidate fails at most this much more often than the stable version; until then it is unknown. 0.2: some twenty good requests.",
      0.2,
    ),
    rehearsal: key(
      z.boolean(),
      "Stable is first compared with stable: a metric that fires then can only advise.",
      true,
    ),
    weights: key(
      weights().optional(),
      "By metric, adding up to 1: `errors`, `latency`, `share` and the names of your own. Equal unless said otherwise.",
      { errors: 0.5, latency: 0.25, share: 0.25 },
    ),
    holdOn: key(
      z.array(line().max(60)),
      "Metrics of which a sure difference that is too small to roll back holds the weight and asks; no two versions are equally fast, and no split is exact, so `latency` and `share` are not among them unless you say so.",
      ["errors"],
    ),
    advisory: key(z.array(line().max(60)), "Metrics that are shown and recorded, and decide nothing.", ["latency"]),
  })
  .meta({ description: "The sequential test between the candidate and the stable version at the same time (Z2)." });

export const Adaptive = z
  .strictObject({
    budget: key(count(1, 1_000_000), "Failed requests that a bad candidate may cost before it is back.", 50),
    reaction: key(period(), "How long it takes from a failure to the weight being back.", "10s"),
    minSoak: key(period(), "Each weight is held at least this long, however good it looks.", "60s"),
    maxSoak: key(period(), "After this long a weight goes on where nothing speaks against it.", "10m"),
  })
  .meta({ description: "The adaptive ramp: what a bad candidate may cost decides how much traffic it gets." });
