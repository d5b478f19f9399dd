/** W1: what is where and how it goes. Reads SQL only; the durable engine is never loaded, so that it answers at once. */
import { resolve } from "node:path";
import { isAbandoned } from "../../app/abandoned.ts";
import { environmentNames } from "../../app/environment-names.ts";
import type { DeploymentRow, Ledger } from "../../app/model.ts";
import { otherVersionsUnderWay } from "../../app/other-versions.ts";
import { settingsOf } from "../../app/settings-of.ts";
import type { Failure } from "../../domain/errors.ts";
import { findDeployment } from "../find.ts";
import type { Output } from "../output.ts";
import { progressOf } from "../render/progress.ts";
import {
  type DeploymentStatus,
  deploymentBrief,
  deploymentText,
  type EnvironmentStatus,
  gridText,
  nextFor,
} from "../render/status-text.ts";
import { clip, timestamp } from "../render/text.ts";
import type { Session } from "../session.ts";
import { tellOtherVersions } from "../tell-other-versions.ts";
import { verdictStatus } from "../verdict-status.ts";

interface Snapshot {
  readonly value: object;
  readonly text: string;
  /** What changes, in one line. */
  readonly brief: string;
  readonly next: string;
  readonly nowMs: number;
  /** Nothing more will change by itself. */
  readonly over: boolean;
}

const watchEveryMs = 500;

export async function statusCommand(
  session: Session,
  words: string | undefined,
  options: { readonly watch?: boolean },
): Promise<number> {
  const { output } = session;
  await tellOtherVersions(session);
  if (!options.watch) {
    const { value, text, next } = await look(session, words);
    output.result(value, text);
    output.next(next);
    return 0;
  }
  return watch(session, words);
}

async function watch(session: Session, words: string | undefined): Promise<number> {
  const { output } = session;
  const { machineClock } = await import("../../app/clock.ts");
  const left = AbortSignal.any([session.interrupted, output.readerGone]);
  const show = output.screen ? screenOf(output) : changesOf(output);
  for (;;) {
    const snapshot = await look(session, words);
    show(snapshot);
    if (snapshot.over || left.aborted) {
      if (!output.screen) output.next(snapshot.next);
      return 0;
    }
    await machineClock.sleep(watchEveryMs, left).catch(() => undefined);
  }
}

type Show = (snapshot: Snapshot) => void;

/** On a terminal what was shown is drawn again in its place. */
function screenOf(output: Output): Show {
  let lines = 0;
  return ({ text, next }) => {
    const up = lines > 0 ? `\u001b[${lines}A\r\u001b[0J` : "";
    // A line that the terminal wraps would be two, and the next drawing would begin too low.
    const shown = `${text}\nnext: ${next}`.split("\n").map((line) => clip(line, output.resultColumns()));
    output.result(null, `${up}${shown.join("\n")}`);
    lines = shown.length;
  };
}

/** Elsewhere each change is told once, as one line between the first and the last look; that time passes is no change. */
function changesOf(output: Output): Show {
  let before: Snapshot | undefined;
  return (now) => {
    if (isChange(output, before, now)) output.result(now.value, changeText(before, now));
    before = now;
  };
}

/** A value may change in what the line does not tell. */
function isChange({ json }: Output, before: Snapshot | undefined, now: Snapshot): boolean {
  if (timeless(before) === timeless(now)) return false;
  return json || now.over || before?.brief !== now.brief;
}

const timeless = (snapshot: Snapshot | undefined): string =>
  JSON.stringify([snapshot?.value], (name, inner) => (name === "nowMs" ? undefined : inner));

const changeText = (before: Snapshot | undefined, { text, brief, over, nowMs }: Snapshot): string =>
  before === undefined || over ? text : `${timestamp(nowMs)}  ${brief}`;

async function look(session: Session, words: string | undefined): Promise<Snapshot> {
  const state = await session.knownState();
  const snapshot = await (words === undefined
    ? overview(session, state?.ledger)
    : oneOf(session, state?.ledger, words));
  const otherVersions = state ? await otherVersionsUnderWay(state.ledger) : [];
  return { ...snapshot, value: { ...snapshot.value, otherVersions } };
}

async function overview(session: Session, ledger: Ledger | undefined): Promise<Snapshot> {
  const { output } = session;
  const environments = await declaredEnvironments(session, ledger);
  const nowMs = (await ledger?.now()) ?? Date.now();
  const statuses = await Promise.all(environments.map((environment) => environmentStatus(ledger, environment)));
  const busy = statuses.find(({ last }) => last !== null && last.state !== "ended");
  const [first] = environments;
  const next = busy?.last
    ? `sluice status ${busy.last.id}`
    : statuses.some(({ last }) => last)
      ? "sluice history"
      : `sluice plan ${first ?? "<environment>"} <version>`;
  const text = gridText(statuses, nowMs, output.resultColumns());
  return { value: { nowMs, environments: statuses }, text, brief: `\n${text}`, next, nowMs, over: false };
}

/** The configuration names them; where it is broken, the ledger still knows where something was deployed. */
async function declaredEnvironments(session: Session, ledger: Ledger | undefined): Promise<readonly string[]> {
  const declared = environmentNames(resolve(session.projectFolder, session.configurationFile));
  if (declared) return declared;
  const rows = ledger ? await ledger.deployments({ limit: 500 }) : [];
  if (rows.length > 0) {
    session.output.progress("The configuration cannot be read; shown is what the ledger knows: sluice validate");
    return [...new Set(rows.map(({ environment }) => environment))];
  }
  return Object.keys((await session.project()).configuration.environments);
}

async function environmentStatus(ledger: Ledger | undefined, environment: string): Promise<EnvironmentStatus> {
  if (ledger === undefined) return { environment, serving: null, lock: null, last: null };
  const [serving, lock, [last]] = await Promise.all([
    ledger.serving(environment),
    ledger.lock(environment),
    ledger.deployments({ environment, limit: 1 }),
  ]);
  const served = serving && (serving.deploymentId === last?.id ? last : await ledger.deployment(serving.deploymentId));
  return {
    environment,
    serving: serving ? { version: serving.version, sinceMs: serving.sinceMs, by: served?.startedBy ?? null } : null,
    lock: lock
      ? {
          kind: lock.kind,
          heldBy: lock.heldBy,
          deployment: lock.deploymentId,
          reason: lock.reason,
          sinceMs: lock.sinceMs,
        }
      : null,
    last: last
      ? {
          id: last.id,
          version: last.version,
          state: last.state,
          outcome: last.outcome,
          atMs: last.endedAtMs ?? last.createdAtMs,
        }
      : null,
  };
}

async function oneOf(session: Session, ledger: Ledger | undefined, words: string): Promise<Snapshot> {
  const { output } = session;
  const row = ledger && (await findDeployment(ledger, words));
  const isEnvironment = row?.environment === words || row === undefined;
  // Throws ENVIRONMENT_UNKNOWN with what was probably meant.
  if (row === undefined) await session.settings(words);
  const nowMs = (await ledger?.now()) ?? Date.now();
  const environment = isEnvironment ? await environmentStatus(ledger, words) : null;
  const grid = environment ? [gridText([environment], nowMs, output.resultColumns())] : [];
  if (ledger === undefined || row === undefined) {
    return {
      value: { nowMs, environment, deployment: null },
      text: grid.join("\n"),
      brief: "nothing was deployed yet",
      next: `sluice plan ${words} <version>`,
      nowMs,
      over: false,
    };
  }
  const deployment = await deploymentStatus(ledger, row, nowMs);
  const text = [...grid, deploymentText(deployment, nowMs, output.resultColumns())].join("\n\n");
  return {
    value: { nowMs, environment, deployment: withoutPlan(deployment) },
    text,
    brief: deploymentBrief(deployment),
    next: nextFor(deployment, nowMs),
    nowMs,
    over: row.state === "ended",
  };
}

/** The whole plan is in the events and the record; here it would bury the answer. */
const withoutPlan = ({ progress: { plan: _plan, ...progress }, ...status }: DeploymentStatus) => ({
  ...status,
  progress,
});

interface RecordedEnd {
  readonly failure?: Failure | null;
  readonly folder?: string;
  readonly serves_now?: string | null;
}

async function deploymentStatus(ledger: Ledger, row: DeploymentRow, nowMs: number): Promise<DeploymentStatus> {
  const settings = settingsOf(row);
  const [events, votes, undelivered, record] = await Promise.all([
    ledger.events(row.id, 0),
    ledger.approvals(row.id),
    ledger.undelivered(row.id),
    ledger.record(row.id) as Promise<RecordedEnd | undefined>,
  ]);
  const {
    id,
    kind,
    environment,
    version,
    state,
    outcome,
    startedBy,
    createdAtMs,
    endedAtMs,
    executor,
    cancelRequested,
  } = row;
  const progress = progressOf(events, settings, state === "ended");
  return {
    ...{ id, kind, environment, version, state, outcome, startedBy, createdAtMs, endedAtMs, cancelRequested },
    runner: executor ? { host: executor.host, pid: executor.pid, alive: !isAbandoned(row) } : null,
    progress,
    verdict: state === "ended" ? null : await verdictStatus(ledger, row, settings, progress, nowMs),
    approvals: {
      required: kind === "deploy" ? settings.approvals.required : 0,
      votes: votes.map(({ by, decision, proof }) => ({
        by,
        decision,
        proof: proof.kind === "declared" ? "declared, not proven" : `ssh key ${proof.keyFingerprint}`,
      })),
    },
    // What was not tried yet is no trouble yet.
    undelivered: undelivered
      .filter(({ attempts }) => attempts > 0 || state === "ended")
      .map(({ channel, notification, lastError, gaveUpAtMs }) => ({
        channel,
        title: notification.title,
        error: lastError,
        givenUp: gaveUpAtMs !== null,
      })),
    failure: record?.failure ?? null,
    servesNow: record?.serves_now ?? null,
    folder: record?.folder ?? null,
  };
}
