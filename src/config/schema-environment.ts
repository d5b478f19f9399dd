/**
 * One environment: how strictly it is guarded and how a version gets into it. Every key may be left out; what then holds
 * stands in defaults.ts, per policy.
 */
import { z } from "zod";
import type { CheckName } from "../domain/checks.ts";
import { checkActions, checkTable, strictnessLevels } from "../domain/checks.ts";
import { backupPolicies, failureActions } from "../domain/settings.ts";
import { health, Smoke } from "./schema-checks.ts";
import { SecretSourceSchema } from "./schema-components.ts";
import {
  argv,
  count,
  duration,
  file,
  httpUrl,
  key,
  line,
  name,
  orOff,
  period,
  port,
  say,
  secretName,
  share,
  shown,
  size,
  valueOrSecret,
  variableName,
} from "./schema-values.ts";

const refPattern = () =>
  z.string().regex(/^(?!-)[A-Za-z0-9._/*+@-]{1,200}$/, {
    error: ({ input }) =>
      say(`${shown(input)} matches no git ref`, 'write a name, where * stands for any text, for example "v*"'),
  });

export const Ci = z
  .strictObject({
    command: key(
      argv().optional(),
      "Command that ends with 0 when CI has passed for the commit; `{commit}` becomes its full id.",
      ["./ci-status", "{commit}"],
    ),
    timeout: key(period(), "Without an end for this long CI has not passed.", "5m"),
  })
  .meta({ description: "How to ask whether CI has passed for exactly this commit (T4)." });

export const Target = z
  .strictObject({
    kind: key(z.literal("process"), "Processes on this machine.", "process"),
    root: key(
      file().optional(),
      "Folder of the releases, logs and run-time files; `.sluice/run/<environment>` unless said otherwise.",
      ".sluice/run/production",
    ),
  })
  .meta({ description: "Where the components run." });

export const Router = z
  .strictObject({
    kind: key(z.literal("builtin"), "Sluice's own router, a process of its own.", "builtin"),
    state: key(
      file().optional(),
      "Folder of the router's state; `.sluice/router/<environment>` unless said otherwise.",
      ".sluice/router/production",
    ),
  })
  .meta({ description: "What divides the traffic between the versions." });

export const Disk = z
  .strictObject({ minFree: key(size(), "Free space that must be left.", "1GiB") })
  .meta({ description: "Disk of this machine and of every host (F4)." });
export const Memory = z
  .strictObject({ minFree: key(size(), "Memory that must be left.", "128MiB") })
  .meta({ description: "Memory of every host (F4)." });
export const Load = z
  .strictObject({ maxPerCpu: key(z.number().positive().max(1000), "Load average of one minute, per processor.", 4) })
  .meta({ description: "Load of every host (F4)." });

export const Approvals = z
  .strictObject({
    required: key(count(0, 20), "Approvals needed; the one who started the deployment does not count (P3).", 2),
    approvers: key(z.array(line().max(100)), "Who may approve; with an empty list anyone whose signature is known.", [
      "alice",
      "bob",
    ]),
    allowedSigners: key(
      file().optional(),
      "File in OpenSSH's allowed_signers format with the approvers' public keys; an approval is an SSH signature checked against it.",
      ".sluice-signers",
    ),
    excludeAuthor: key(z.boolean(), "The author of the commit may not approve it either.", true),
    acceptDeclared: key(
      z.boolean(),
      "Approvals without a signature count too: nothing but the person's word. Never with the policy strict.",
      false,
    ),
    wait: key(duration(), "After the last approval, time in which it can still be cancelled (P4).", "5m"),
    timeout: key(period(), "Without enough approvals for this long the deployment ends as expired (P4).", "48h"),
    remindEvery: key(period(), "Approvers are reminded this often.", "4h"),
  })
  .meta({ description: "Who must agree before anything changes (P3, P4, P6)." });

export const Lock = z
  .strictObject({
    onBusy: key(z.enum(["fail", "queue"]), "What a second deployment does: end at once, or wait.", "fail"),
    queueTimeout: key(period(), "A waiting deployment gives up after this long.", "1h"),
    lease: key(period(), "A holder that was silent for this long is taken for dead.", "3s"),
    heartbeat: key(period(), "How often the holder says that it lives; the lease must hold two of them.", "1s"),
  })
  .meta({ description: "One deployment at a time (L1, L2)." });

export const Backup = z
  .strictObject({
    policy: key(
      z.enum(backupPolicies),
      "none; optional: a failure only warns; always: a failure stops the deployment; verified: as always, and restored for a test (B8).",
      "verified",
    ),
    folder: key(file(), "Where backups are kept, relative to the project.", ".sluice/backups"),
    name: key(
      line().superRefine((text, context) => {
        const unknown = [...text.matchAll(/\{([^{}]*)\}/g)].find(
          ([, word]) => !["environment", "database", "time", "deployment"].includes(word ?? ""),
        );
        if (unknown)
          context.addIssue({
            code: "custom",
            message: say(
              `${unknown[0]} is not a placeholder here`,
              "there are {environment}, {database}, {time} and {deployment}",
            ),
          });
        else if (/[/\\]/.test(text))
          context.addIssue({
            code: "custom",
            message: say("the name holds a / or \\", "put the folder into `folder`"),
          });
        else if (!text.includes("{time}") && !text.includes("{deployment}"))
          context.addIssue({
            code: "custom",
            message: say("every backup would have the same name", "add {time} or {deployment}"),
          });
      }),
      "Name of a backup; `{environment}`, `{database}`, `{time}` and `{deployment}` are replaced.",
      "{environment}-{database}-{time}-{deployment}",
    ),
    keepNewest: key(count(1, 10_000), "The newest this many are kept (B5).", 10),
    keepRecordedDays: key(count(0, 36_500), "Backups that a record names are kept for this many days (B5).", 365),
  })
  .meta({ description: "Database backups before a deployment." });

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
        percent: key(count(1, 100), "Share of the traffic that the candidate gets.", 10),
        bake: key(duration(), "How long the step must stay healthy.", "5m"),
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

const checkKeys = Object.fromEntries(
  Object.entries(checkTable).map(([check, row]) => [
    check,
    key(z.enum(checkActions).optional(), `Whether ${row.about}.`, "block"),
  ]),
) as Record<CheckName, z.ZodOptional<z.ZodEnum<{ off: "off"; warn: "warn"; block: "block" }>>>;

/** Every key, as it is once defaults are laid beneath. */
export const Environment = z.strictObject({
  policy: key(
    z.enum(strictnessLevels),
    "How strictly it is guarded: gives the defaults of checks, approvals, backup, rollout and smoke suite (F8).",
    "strict",
  ),
  url: key(httpUrl().optional(), "Where people reach it; `{url}` in checks.", "https://shop.example.com"),
  tags: key(z.array(refPattern()), "Patterns of tags that may be deployed here (P5).", ["v*"]),
  branches: key(z.array(refPattern()), "Patterns of branches that may be deployed here (P5).", ["main"]),
  ci: Ci,
  build: key(
    z.enum(["before-plan", "with-migrations"]),
    "When it is built: before the plan is approved, or side by side with the migrations.",
    "before-plan",
  ),
  target: Target,
  router: Router,
  ports: key(z.record(name("a component"), port()), "Router ports that differ from the components' own here.", {
    gateway: 8080,
  }),
  variables: key(
    z.record(name("a component"), z.record(variableName(), valueOrSecret())),
    "Variables laid over the components' own here.",
    {
      gateway: { THEME: "dark" },
    },
  ),
  secrets: key(z.record(secretName(), SecretSourceSchema), "Sources of secrets that differ here.", {
    SHOP_DATABASE_URL: { env: "PROD_DATABASE_URL" },
  }),
  checks: key(z.strictObject(checkKeys), "Cells of the table of pre-flight checks that differ here (F8)."),
  disk: Disk,
  memory: Memory,
  load: Load,
  approvals: Approvals,
  lock: Lock,
  backup: Backup,
  rollout: Rollout,
  health: health(),
  smoke: Smoke,
  observation: Observation,
  rollback: Rollback,
  records: Records,
  onCall: key(z.array(line().max(200)), "Who is called when it goes wrong; named in rollback instructions.", [
    "Ada <ada@example.com>",
  ]),
  notify: key(z.array(name("a channel")).optional(), "Channels that are told; all of them unless some are named.", [
    "team",
  ]),
});

/** Keeps the description, which `.partial()` alone would lose. */
const partly = <S extends z.ZodRawShape>(section: z.ZodObject<S, z.core.$strict>) =>
  section.partial().meta(section.meta() ?? {});

/** As it is written: any key may be left out. */
export const WrittenEnvironment = z
  .strictObject({
    ...Environment.shape,
    ci: partly(Ci),
    target: partly(Target),
    router: partly(Router),
    disk: partly(Disk),
    memory: partly(Memory),
    load: partly(Load),
    approvals: partly(Approvals),
    lock: partly(Lock),
    backup: partly(Backup),
    rollout: partly(z.strictObject({ ...Rollout.shape, limits: partly(Limits) }).meta(Rollout.meta() ?? {})),
    smoke: partly(Smoke),
    observation: partly(
      z.strictObject({ ...Observation.shape, limits: partly(Limits) }).meta(Observation.meta() ?? {}),
    ),
    rollback: partly(z.strictObject({ ...Rollback.shape, on: partly(RollbackOn) }).meta(Rollback.meta() ?? {})),
    records: partly(Records),
  })
  .partial();
