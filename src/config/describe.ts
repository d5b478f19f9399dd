/** What an environment comes to, in rows: shown by `sluice validate`, so that nobody has to apply the defaults in their head. */
import { type CheckAction, type CheckName, checkNames, checkTable, type Strictness } from "../domain/checks.ts";
import type { EnvironmentSettings, TrafficLimits } from "../domain/settings.ts";
import { durationText, sizeText } from "./text-forms.ts";

export interface CheckRow {
  readonly name: CheckName;
  readonly about: string;
  /** The table's row. */
  readonly levels: Readonly<Record<Strictness, CheckAction>>;
  /** What holds in this environment. */
  readonly action: CheckAction;
  /** It differs from the table because the configuration says so. */
  readonly overridden: boolean;
}

export interface FactRow {
  readonly label: string;
  readonly value: string;
}

export interface EnvironmentDescription {
  readonly environment: string;
  readonly strictness: Strictness;
  readonly checks: readonly CheckRow[];
  readonly facts: readonly FactRow[];
}

export function describeEnvironment(settings: EnvironmentSettings): EnvironmentDescription {
  const { environment, strictness } = settings;
  return {
    environment,
    strictness,
    checks: checkRows(settings),
    facts: [...whereRows(settings), ...guardRows(settings), ...scheduleRows(settings), ...watchRows(settings)],
  };
}

const checkRows = ({ checks, overrides }: EnvironmentSettings): readonly CheckRow[] =>
  checkNames.map((name) => {
    const { about, basic, standard, strict } = checkTable[name];
    return {
      name,
      about,
      levels: { basic, standard, strict },
      action: checks[name],
      overridden: overrides.includes(name),
    };
  });

const list = (words: readonly string[], none: string): string => (words.length === 0 ? none : words.join(", "));

function whereRows({
  branches,
  components,
  databases,
  notify,
  onCall,
  tags,
  url,
}: EnvironmentSettings): readonly FactRow[] {
  const refs = [...tags.map((tag) => `tags ${tag}`), ...branches.map((branch) => `branches ${branch}`)];
  const places = components.map(
    ({ name, route }) => `${name} (${route === null ? "worker" : `${route.host}:${route.port}`})`,
  );
  return [
    { label: "url", value: url ?? "none" },
    { label: "deployable", value: list(refs, "nothing") },
    { label: "components", value: list(places, "none") },
    {
      label: "databases",
      value: list(
        databases.map(({ name, kind }) => `${name} (${kind})`),
        "none",
      ),
    },
    {
      label: "told",
      value: list(
        notify.map(({ name }) => name),
        "nobody",
      ),
    },
    { label: "on call", value: list(onCall, "nobody named") },
  ];
}

function guardRows({ approvals, backup, disk, lock, memory }: EnvironmentSettings): readonly FactRow[] {
  return [
    { label: "approvals", value: approvalText(approvals) },
    {
      label: "lock",
      value:
        lock.onBusy === "fail"
          ? "a second deployment ends at once"
          : `a second deployment waits up to ${durationText(lock.queueTimeoutMs)}`,
    },
    {
      label: "backup",
      value: backup.policy === "none" ? "none" : `${backup.policy}, the newest ${backup.keepNewest} are kept`,
    },
    { label: "room", value: `disk ${sizeText(disk.minFreeBytes)}, memory ${sizeText(memory.minFreeBytes)} free` },
  ];
}

/** Only where something is declared. */
function scheduleRows({ objectives, schedules }: EnvironmentSettings): readonly FactRow[] {
  const { rpoMs, rtoMs } = objectives;
  const held = [
    ...(rpoMs === null ? [] : [`RPO ${durationText(rpoMs)}`]),
    ...(rtoMs === null ? [] : [`RTO ${durationText(rtoMs)}`]),
  ];
  const byItself = schedules.map(({ name, run, cron, timeZone }) => `${name}: ${run} at "${cron}" ${timeZone}`);
  return [
    ...(byItself.length === 0 ? [] : [{ label: "by itself", value: byItself.join(", ") }]),
    ...(held.length === 0 ? [] : [{ label: "objectives", value: held.join(", ") }]),
  ];
}

function approvalText({
  acceptDeclared,
  approvers,
  required,
  timeoutMs,
  waitMs,
}: EnvironmentSettings["approvals"]): string {
  if (required === 0) return "none required";
  const wait = waitMs > 0 ? [`cancellable for ${durationText(waitMs)} afterwards`] : [];
  const proof = acceptDeclared ? "declared or signed" : "signed";
  return [
    `${required} by ${list(approvers, "anyone known")}`,
    proof,
    ...wait,
    `expires after ${durationText(timeoutMs)}`,
  ].join(", ");
}

function watchRows({
  audit,
  health,
  observation,
  records,
  rollback,
  rollout,
  smoke,
}: EnvironmentSettings): readonly FactRow[] {
  const steps = rollout.steps.map(({ percent, bakeMs }) => `${percent} % for ${durationText(bakeMs)}`);
  const watch =
    observation.durationMs === 0
      ? "none"
      : `${durationText(observation.durationMs)}, every ${durationText(observation.everyMs)}`;
  const triggers = Object.entries(rollback.on).map(([trigger, action]) => `${trigger}: ${action}`);
  return [
    { label: "rollout", value: steps.join(", then ") },
    {
      label: "checked",
      value: `every ${durationText(rollout.checkEveryMs)}, ${rollout.failureLimit} failures in a row roll back, undecided: ${rollout.onUnknown}`,
    },
    { label: "limits", value: limitText(rollout.limits) },
    {
      label: "health",
      value: list(
        health.map(({ name, critical }) => (critical ? name : `${name} (not critical)`)),
        "no checks",
      ),
    },
    {
      label: "smoke",
      value: `${smoke.suite}: ${smoke.checks.length} checks, ${smoke.journeys.length} journeys declared`,
    },
    { label: "observation", value: watch },
    { label: "failures", value: triggers.join(", ") },
    { label: "rollback", value: `by hand within ${durationText(rollback.windowMs)}` },
    { label: "records", value: `kept ${records.keepDays} days` },
    { label: "audit", value: `checkpoints ${audit.key === null ? "not signed" : "signed"}, in ${audit.checkpoints}` },
  ];
}

function limitText({ errorRate, errorRateRise, meanLatencyMs, minRequests, p95LatencyMs }: TrafficLimits): string {
  const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
  const limits = [
    errorRate === null ? [] : [`errors ${percent(errorRate)}`],
    errorRateRise === null ? [] : [`${percent(errorRateRise)} above stable`],
    meanLatencyMs === null ? [] : [`mean ${durationText(meanLatencyMs)}`],
    p95LatencyMs === null ? [] : [`p95 ${durationText(p95LatencyMs)}`],
  ].flat();
  return `${list(limits, "none")}, judged from ${minRequests} requests on`;
}
