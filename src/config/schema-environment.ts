/**
 * One environment: how strictly it is guarded and how a version gets into it. Every key may be left out; what then holds
 * stands in defaults.ts, per policy.
 */
import { z } from "zod";
import type { CheckName } from "../domain/checks.ts";
import { checkActions, checkTable, strictnessLevels } from "../domain/checks.ts";
import { routing } from "./schema-channels.ts";
import { health, Smoke } from "./schema-checks.ts";
import { SecretSourceSchema } from "./schema-components.ts";
import {
  Approvals,
  Backup,
  Ci,
  Disk,
  Load,
  Lock,
  Memory,
  Proof,
  Router,
  Staging,
  Target,
  Vulnerabilities,
} from "./schema-guards.ts";
import { Metrics } from "./schema-metrics.ts";
import { Audit, Limits, Observation, Records, Rollback, RollbackOn, Rollout } from "./schema-rollout.ts";
import { Objectives, Schedules } from "./schema-schedules.ts";
import {
  httpUrl,
  key,
  line,
  name,
  port,
  say,
  secretName,
  shown,
  valueOrSecret,
  variableName,
} from "./schema-values.ts";
import { Adaptive, VerdictRules } from "./schema-verdict.ts";
import { start } from "./schema-workflows.ts";

const refPattern = () =>
  z.string().regex(/^(?!-)[A-Za-z0-9._/*+@-]{1,200}$/, {
    error: ({ input }) =>
      say(`${shown(input)} matches no git ref`, 'write a name, where * stands for any text, for example "v*"'),
  });

const checkKeys = Object.fromEntries(
  Object.entries(checkTable).map(([check, row]) => [
    check,
    key(z.enum(checkActions).optional(), `Check: ${row.about}.`, "block"),
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
  start: start(),
  ci: Ci,
  staging: key(Staging.optional(), "The stage before this one.", { environment: "staging", within: "7d" }),
  vulnerabilities: key(Vulnerabilities.optional(), "The dependencies are looked at.", {
    kind: "npm",
    threshold: "high",
  }),
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
  schedules: Schedules,
  objectives: Objectives,
  rollout: Rollout,
  health: health(),
  metrics: Metrics,
  smoke: Smoke,
  observation: Observation,
  rollback: Rollback,
  records: Records,
  audit: Audit,
  onCall: key(z.array(line().max(200)), "Who is called when it goes wrong; named in rollback instructions.", [
    "Ada <ada@example.com>",
  ]),
  notify: routing(),
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
    backup: partly(z.strictObject({ ...Backup.shape, proof: partly(Proof) }).meta(Backup.meta() ?? {})),
    objectives: partly(Objectives),
    rollout: partly(
      z
        .strictObject({
          ...Rollout.shape,
          limits: partly(Limits),
          verdict: partly(VerdictRules),
          adaptive: partly(Adaptive),
        })
        .meta(Rollout.meta() ?? {}),
    ),
    smoke: partly(Smoke),
    observation: partly(
      z.strictObject({ ...Observation.shape, limits: partly(Limits) }).meta(Observation.meta() ?? {}),
    ),
    rollback: partly(z.strictObject({ ...Rollback.shape, on: partly(RollbackOn) }).meta(Rollback.meta() ?? {})),
    records: partly(Records),
    audit: partly(Audit),
  })
  .partial()
  .meta({ id: "environment", description: "What holds in one environment; every key may be left out." });
