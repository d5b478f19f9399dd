/** How traffic moves to the candidate, how it is watched, and the way back. */
import { z } from "zod";
import { failureActions } from "../domain/settings.ts";
import { rolloutStrategies } from "../domain/verdict-settings.ts";
import { count, duration, file, key, line, orOff, period, say, share } from "./schema-values.ts";
import { Adaptive, VerdictRules } from "./schema-verdict.ts";

export const Limits = z
  .strictObject({
    errorRate: key(orOff(share()), "Errors per request, 0 to 1; `off`: not judged.", 0.01),
    errorRateRise: key(
      orOff(share()),
      "Points (0 to 1) by which the candidate's error rate may lie above the stable version's; `off`: not judged.",
      0.05,
    ),
    meanLatency: key(orOff(period()), "Mean time of an answer; `off`: not judged.", "1s"),
    p95Latency: key(orOff(period()), "95 of 100 answers are quicker than this; `off`: not judged.", "2s"),
    p99Latency: key(orOff(period()), "99 of 100 answers are quicker than this; `off`: not judged.", "5s"),
    trafficBand: key(
      orOff(
        z.strictObject({
          min: key(z.number().min(0).max(1), "At least so many times the traffic of before the rollout.", 0.5),
          max: key(z.number().min(1).max(1000), "At most so many times.", 2),
        }),
      ),
      "During the rollout: requests of both versions together, against those before it; `off`: not judged. Judged from 30 s on.",
      { min: 0.5, max: 2 },
    ),
    minRequests: key(count(1, 10_000_000), "With fewer requests the verdict is unknown, never pass.", 50),
  })
  .meta({ description: "Limits on what the router counted (O2)." });

const risingTo100 = (steps: readonly { readonly percent: number }[]): string | undefined => {
  const low = steps.findIndex((step, index) => index > 0 && step.percent <= (steps[index - 1]?.percent ?? 0));
  if (low > 0)
    return say(
      `${steps[low]?.percent} does not rise above the ${steps[low - 1]?.percent} before it`,
      "let the weights rise strictly",
    );
  const last = steps.at(-1)?.percent;
  return last === undefined || last === 100
    ? undefined
    : say(`the last step is ${last} %`, "let the last step be percent: 100");
};

const steps = () =>
  z
    .array(
      z.strictObject({
        percent: key(
          count(0, 100),
          "Share of the traffic that the candidate gets. 0: nobody but testers meets it (`route.testers`), and only its health is judged.",
          10,
        ),
        bake: key(duration(), "How long the step must stay healthy.", "5m"),
        promote: key(
          z.enum(["automatic", "by-hand"]).optional(),
          "`by-hand`: after its bake the weight stays until somebody types `sluice promote`; `automatic` unless said otherwise.",
          "by-hand",
        ),
      }),
    )
    .min(1)
    .superRefine((all, context) => {
      const problem = risingTo100(all);
      const index = all.findIndex((step, at) => at > 0 && step.percent <= (all[at - 1]?.percent ?? 0));
      if (problem)
        context.addIssue({ code: "custom", message: problem, path: [index > 0 ? index : all.length - 1, "percent"] });
    });

export const Rollout = z
  .strictObject({
    steps: key(steps(), "Weights with the time each is held; they rise strictly and end at 100 (R1).", [
      { percent: 10, bake: "5m" },
      { percent: 100, bake: "5m" },
    ]),
    settle: key(duration(), "Wait after the candidate is ready, before the first check (H3).", "10s"),
    checkEvery: key(period(), "How often health is checked during a step (R2).", "10s"),
    failureLimit: key(
      count(1, 1000),
      "This many failed rounds in a row roll back: exactly this many, not one more (R2).",
      3,
    ),
    drainTimeout: key(duration(), "Requests under way at the version that leaves get this long to end.", "30s"),
    strategy: key(
      z.enum(rolloutStrategies),
      "`steps` as written; `adaptive`: the weights follow from the traffic, small while little is known, and 100 % as soon as the candidate is proven good.",
      "steps",
    ),
    earlyPromotion: key(z.boolean(), "A step ends before its bake once the candidate is proven good.", false),
    control: key(
      count(0, 50),
      "At 100 % this much stays on the stable version until the bake ends, so that there is something to compare with; 0: impossible here.",
      5,
    ),
    promoteWithin: key(period(), "A step that is promoted by hand goes back when nobody did within this time.", "24h"),
    verdict: VerdictRules,
    adaptive: Adaptive,
    limits: Limits,
    unknownFor: key(duration(), "How long beyond its bake a step may stay undecided before `onUnknown` applies.", "5m"),
    onUnknown: key(
      z.enum(["roll-back", "continue"]),
      "What an undecided step does; `continue` never with the policy strict.",
      "roll-back",
    ),
    unattended: key(
      period(),
      "The router goes back to the stable version by itself when nobody has renewed its weights for this long.",
      "60s",
    ),
    keepStable: key(duration(), "How long the previous version keeps running afterwards, for a quick way back.", "60m"),
  })
  .meta({ description: "How traffic moves to the candidate." });

export const Observation = z
  .strictObject({
    duration: key(duration(), "How long the new version is watched after the rollout (O1).", "15m"),
    every: key(period(), "How often it is probed.", "60s"),
    failureLimit: key(count(1, 1000), "This many failed rounds in a row are a failure.", 3),
    minSuccessRatio: key(
      share(),
      "Share of all probes of the window so far that must have passed, judged after `minProbes`.",
      0.95,
    ),
    minProbes: key(count(1, 100_000), "Probes before the share is judged.", 20),
    limits: Limits,
    action: key(
      z.enum(failureActions),
      "What a failure does. The same setting as `rollback.on.observation`.",
      "roll-back",
    ),
    extended: key(duration(), "A further watch after success that only alerts (O5); 0s: none.", "1h"),
  })
  .meta({ description: "The watch after the rollout." });

const action = (noun: string) => key(z.enum(failureActions), `What ${noun} does.`, "roll-back");
export const RollbackOn = z
  .strictObject({
    health: action("a failed health check"),
    smoke: action("a failed smoke check"),
    observation: action("a failure in the watch after the rollout"),
    rollout: action("a failure during the rollout"),
  })
  .meta({ description: "What each trigger does: roll back, hold for a person, or only alert (X1)." });

export const Rollback = z
  .strictObject({
    window: key(duration(), "How long after its end a deployment can be rolled back by hand (X3).", "60m"),
    confirmWord: key(line().max(40), "Word that a person types to confirm a rollback by hand.", "ROLLBACK"),
    on: RollbackOn,
  })
  .meta({ description: "The way back." });

export const Records = z
  .strictObject({
    folder: key(file(), "Where records and logs are written, relative to the project.", "deployment-logs"),
    keepDays: key(count(1, 36_500), "They are kept for this many days (D1).", 365),
  })
  .meta({ description: "Records of every deployment." });

export const Audit = z
  .strictObject({
    checkpoints: key(
      file().optional(),
      "File to which the ends of the audit trail are appended after each deployment (Z4), best on another disk. `audit-checkpoints.jsonl` in the folder of records unless said otherwise.",
      "/mnt/audit/checkpoints.jsonl",
    ),
    key: key(
      file().optional(),
      "SSH private key without a passphrase that signs them; without a key they are not signed.",
      "/etc/sluice/checkpoint-key",
    ),
  })
  .meta({ description: "Checkpoints of the audit trail." });
