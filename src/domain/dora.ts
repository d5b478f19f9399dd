/**
 * D6: DORA's figures from the records of ended deployments, and the same of the period before, so that one sees the trend. Each has the
 * number of deployments it rests on; where there is none it is null, never zero.
 */
import type { Outcome } from "./outcome.ts";

/** What is read of one ended deployment, from its row and record. */
export interface DoraDeployment {
  readonly environment: string;
  readonly kind: "deploy" | "rollback";
  readonly outcome: Outcome;
  readonly createdAtMs: number;
  readonly endedAtMs: number;
  /** Of the released commit; null where the record does not say. */
  readonly committedAtMs: number | null;
  readonly firstTrafficAtMs: number | null;
  /** When the stable version had all traffic again. */
  readonly backAtMs: number | null;
}

export interface Figure {
  readonly value: number | null;
  /** Deployments that it rests on. */
  readonly of: number;
}

export interface Dora {
  readonly fromMs: number;
  readonly toMs: number;
  /** Successful deployments a day. */
  readonly deploymentsPerDay: Figure;
  /** Median, from the released commit to the end of the deployment that made it live. */
  readonly leadTimeMs: Figure;
  /** Share of the deployments that got traffic, or went live, and were taken back or needed a person. */
  readonly changeFailureShare: Figure;
  /** Median, from the first traffic of one that failed by itself, or the start of a rollback by hand, until a good version served alone. */
  readonly recoveryMs: Figure;
  /** Share of the deployments that came next after one that failed: work done again. */
  readonly reworkShare: Figure;
}

const dayMs = 24 * 3_600_000;

/** @param all of any time, in any order: what came before the period decides what in it is rework. */
export function doraOf(all: readonly DoraDeployment[], fromMs: number, toMs: number): Dora {
  const told = storyOf(all).filter(({ endedAtMs }) => endedAtMs >= fromMs && endedAtMs < toMs);
  const deploys = told.filter(({ kind }) => kind === "deploy");
  const live = deploys.filter(({ outcome }) => outcome === "succeeded");
  const tried = deploys.filter(({ reachedPeople }) => reachedPeople);
  const leads = live.flatMap(({ endedAtMs, committedAtMs }) =>
    committedAtMs === null ? [] : [endedAtMs - committedAtMs],
  );
  const recoveries = told.flatMap(({ recoveryMs }) => (recoveryMs === null ? [] : [recoveryMs]));
  return {
    fromMs,
    toMs,
    deploymentsPerDay: { value: live.length === 0 ? null : live.length / ((toMs - fromMs) / dayMs), of: live.length },
    leadTimeMs: median(leads),
    changeFailureShare: share(tried, ({ failed }) => failed),
    recoveryMs: median(recoveries),
    reworkShare: share(deploys, ({ isRework }) => isRework),
  };
}

interface Told extends DoraDeployment {
  readonly reachedPeople: boolean;
  failed: boolean;
  readonly isRework: boolean;
  recoveryMs: number | null;
}

const needsPerson: ReadonlySet<Outcome> = new Set(["rollback-failed", "quarantined"]);

/** Each environment by itself, in order: what a deployment was shows by what came after it. */
function storyOf(all: readonly DoraDeployment[]): readonly Told[] {
  const byEnvironment = Map.groupBy(all, ({ environment }) => environment);
  return [...byEnvironment.values()].flatMap((one) =>
    told(one.toSorted((a, b) => a.endedAtMs - b.endedAtMs || a.createdAtMs - b.createdAtMs)),
  );
}

function told(deployments: readonly DoraDeployment[]): readonly Told[] {
  const story: Told[] = [];
  for (const each of deployments) {
    const previous = story.findLast(({ kind }) => kind === "deploy");
    const current = toldAlone(each, previous);
    if (current.outcome === "succeeded") settleBefore(story, current, previous);
    story.push(current);
  }
  return story;
}

/** What a success says of the deployments before it. */
function settleBefore(story: readonly Told[], current: Told, previous: Told | undefined): void {
  const waiting = story.findLast(({ outcome, recoveryMs }) => needsPerson.has(outcome) && recoveryMs === null);
  if (waiting) waiting.recoveryMs = current.endedAtMs - (waiting.firstTrafficAtMs ?? waiting.endedAtMs);
  // Somebody took back what had gone live.
  if (current.kind !== "rollback" || previous?.outcome !== "succeeded" || previous.failed) return;
  previous.failed = true;
  current.recoveryMs = current.endedAtMs - current.createdAtMs;
}

function toldAlone(each: DoraDeployment, previous: Told | undefined): Told {
  const { outcome, firstTrafficAtMs, backAtMs } = each;
  const reachedPeople = outcome === "succeeded" || firstTrafficAtMs !== null;
  const wentBack = firstTrafficAtMs !== null && backAtMs !== null && outcome !== "succeeded";
  return {
    ...each,
    reachedPeople,
    failed: reachedPeople && outcome !== "succeeded",
    isRework: each.kind === "deploy" && previous?.failed === true,
    recoveryMs: wentBack && !needsPerson.has(outcome) ? backAtMs - firstTrafficAtMs : null,
  };
}

function share<Item>(items: readonly Item[], counts: (item: Item) => boolean): Figure {
  return { value: items.length === 0 ? null : items.filter(counts).length / items.length, of: items.length };
}

function median(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  const value = middle.reduce((sum, each) => sum + each, 0) / middle.length;
  return { value: sorted.length === 0 ? null : value, of: sorted.length };
}
