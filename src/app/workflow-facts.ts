/** What the generated workflows have to know of a configuration, and of each of its environments. */
import { readFileSync } from "node:fs";
import { completeEnvironment } from "../config/merge.ts";
import type { Configuration } from "../config/schema.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { StartTrigger } from "../domain/workflow-settings.ts";
import type { Project } from "./project.ts";

export interface WorkflowFacts {
  readonly project: string;
  /** Of Sluice, exactly. */
  readonly version: string;
  readonly workflows: Configuration["workflows"];
  readonly environments: readonly EnvironmentFacts[];
}

export interface EnvironmentFacts {
  readonly name: string;
  readonly url: string | null;
  readonly start: readonly StartTrigger[];
  readonly tags: readonly string[];
  readonly branches: readonly string[];
  /** Names of environment variables that hold secrets. */
  readonly variables: readonly string[];
  readonly permissions: Permissions;
  readonly timeoutMinutes: number;
  readonly keepDays: number;
  readonly confirmWord: string;
  readonly hasSchedules: boolean;
}

export type Permissions = Readonly<Record<string, "read" | "write">>;

export function workflowFacts({ configuration, settings }: Pick<Project, "configuration" | "settings">): WorkflowFacts {
  const environments = Object.keys(configuration.environments).map((name) => {
    const own = settings(name);
    return {
      name,
      url: own.url,
      start: completeEnvironment(configuration, name).start,
      tags: own.tags,
      branches: own.branches,
      variables: variablesOf(own),
      permissions: permissionsOf(own),
      timeoutMinutes: timeoutMinutesOf(own),
      keepDays: Math.min(own.records.keepDays, mostKeepDays),
      confirmWord: own.rollback.confirmWord,
      hasSchedules: own.schedules.length > 0,
    };
  });
  return { project: configuration.project, version: ownVersion(), workflows: configuration.workflows, environments };
}

/** Of artifacts, in a private repository; others are set to less by GitHub, which it says. */
const mostKeepDays = 400;

export const ledgerVariable = "SLUICE_DATABASE_URL";

function variablesOf({ secrets }: EnvironmentSettings): readonly string[] {
  const named = secrets.flatMap(({ source }) => (source.kind === "environment" ? [source.variable] : []));
  return [...new Set([ledgerVariable, ...named])];
}

/** The workflow's own token gets what Sluice does with it; where it uses another one, reading the repository is all. */
function permissionsOf(settings: EnvironmentSettings): Permissions {
  const { forge, requiredChecks = [], notify, secrets } = settings;
  const reading = { contents: "read" } as const;
  if (forge?.auth.kind !== "token") return reading;
  const { secret } = forge.auth.token;
  const source = secrets.find(({ name }) => name === secret)?.source;
  if (source?.kind !== "environment" || source.variable !== "GITHUB_TOKEN") return reading;
  const topics = notify.flatMap((channel) => (channel.kind === "github" ? channel.topics : []));
  const starts = notify.some((channel) => channel.kind === "github" && channel.workflows.length > 0);
  const writes: Permissions = {
    ...(topics.includes("deployments") && { deployments: "write" }),
    ...(topics.includes("statuses") && { statuses: "write" }),
    ...(topics.includes("issues") && { issues: "write" }),
    ...((topics.includes("releases") || topics.includes("candidates")) && { contents: "write" }),
    ...(starts && { actions: "write" }),
  };
  const asked: Permissions = requiredChecks.length > 0 ? { checks: "read", statuses: "read" } : {};
  return { ...reading, ...asked, ...writes };
}

/** Build, backup, migrations, smoke checks and the way back take their time besides what the settings name. */
const besidesMinutes = 60;
/** Of a job on GitHub's runners; the deployment's own process knows no such end. */
const mostMinutes = 360;

function timeoutMinutesOf(settings: EnvironmentSettings): number {
  const { rollout, observation, approvals, lock, ciTimeoutMs } = settings;
  const bakesMs = rollout.steps.reduce((sum, { bakeMs }) => sum + bakeMs + rollout.unknownForMs, 0);
  const queueMs = lock.onBusy === "queue" ? lock.queueTimeoutMs : 0;
  const knownMs = bakesMs + observation.durationMs + approvals.waitMs + ciTimeoutMs + queueMs;
  return Math.min(mostMinutes, besidesMinutes + Math.ceil(knownMs / 60_000));
}

const packageFolder = new URL("../../", import.meta.url);

/** A file of Sluice's own package. */
export const packagedText = (path: string): string => readFileSync(new URL(path, packageFolder), "utf8");

const ownVersion = (): string => (JSON.parse(packagedText("package.json")) as { readonly version: string }).version;
