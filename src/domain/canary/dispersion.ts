/**
 * Failures that come in bursts look like many more observations than they are. How bursty they are is estimated on the stable
 * version alone, in sums of whole minutes, and every increment is divided by the upper end of that estimate. With replicas (or shards
 * by a hash of the session) it is Pearson's statistic over them, which a shared outage does not inflate; without, the squared
 * differences of successive minutes. Calibrated by simulation; it is not a theorem, unlike the rest.
 */
import type { RateCounts } from "./bucket.ts";

/** More replicas than this are folded together, so that the state stays small. */
const shardsMax = 16;
const minuteMs = 60_000;

/**
 * `squares` and `degrees` add up whole minutes: Pearson's statistic and its degrees of freedom, or squared differences and their
 * number. `events` and `totals` are the sums of the minute that runs, by shard; `before` is the last whole minute's sum.
 */
export interface Dispersion {
  readonly minute: number;
  readonly events: readonly number[];
  readonly totals: readonly number[];
  readonly shardSquares: number;
  readonly shardDegrees: number;
  readonly before: number | null;
  /** Of the minute that `before` sums: a part of a minute, or other weights, are no bursts. */
  readonly beforeTotal: number;
  readonly pairSquares: number;
  readonly pairs: number;
}

export const noDispersion: Dispersion = {
  minute: -1,
  events: [],
  totals: [],
  shardSquares: 0,
  shardDegrees: 0,
  before: null,
  beforeTotal: 0,
  pairSquares: 0,
  pairs: 0,
};

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** Pearson's statistic of one minute: each shard against its part of the minute's failures. A minute without any says nothing. */
function pearson(events: readonly number[], totals: readonly number[]): { squares: number; degrees: number } {
  const all = sum(events);
  const exposed = sum(totals);
  const used = totals.filter((total) => total > 0).length;
  if (used < 2 || all === 0) return { squares: 0, degrees: 0 };
  const squares = totals.reduce((so, total, shard) => {
    const expected = (all * total) / exposed;
    return expected > 0 ? so + ((events[shard] ?? 0) - expected) ** 2 / expected : so;
  }, 0);
  return { squares, degrees: used - 1 };
}

/** The squared difference of two minutes by what chance would make it; with equal totals `(now − before)² / (now + before)`. */
const pairSquare = ({ before, beforeTotal }: Dispersion, now: number, total: number): number =>
  (now * beforeTotal - (before ?? 0) * total) ** 2 / ((now + (before ?? 0)) * total * beforeTotal);

function closeMinute(state: Dispersion): Dispersion {
  if (state.totals.length === 0) return { ...state, before: null };
  const { squares, degrees } = pearson(state.events, state.totals);
  const now = sum(state.events);
  const both = now + (state.before ?? 0);
  const total = sum(state.totals);
  const pair = state.before !== null && both > 0 && total > 0 && state.beforeTotal > 0;
  return {
    minute: state.minute,
    events: [],
    totals: [],
    shardSquares: state.shardSquares + squares,
    shardDegrees: state.shardDegrees + degrees,
    before: now,
    beforeTotal: total,
    pairSquares: state.pairSquares + (pair ? pairSquare(state, now, total) : 0),
    pairs: state.pairs + (pair ? 1 : 0),
  };
}

const addTo = (sums: readonly number[], parts: readonly number[]): readonly number[] => {
  const length = Math.min(shardsMax, Math.max(sums.length, parts.length));
  const next = Array.from({ length }, (_, at) => sums[at] ?? 0);
  for (const [at, part] of parts.entries()) next[at % shardsMax] = (next[at % shardsMax] ?? 0) + part;
  return next;
};

/**
 * One bucket that begins at `startMs`; `parts` are the stable version's shards, or the version as a whole in one part. A minute that
 * nothing was heard of breaks the chain of successive minutes.
 */
export function stepDispersion(state: Dispersion, startMs: number, parts: readonly RateCounts[]): Dispersion {
  const minute = Math.floor(startMs / minuteMs);
  const closed = minute === state.minute ? state : closeMinute(state);
  const chained = minute - state.minute > 1 ? { ...closed, before: null } : closed;
  return {
    ...chained,
    minute,
    events: addTo(
      chained.events,
      parts.map(({ events }) => events),
    ),
    totals: addTo(
      chained.totals,
      parts.map(({ total }) => total),
    ),
  };
}

/** The estimate's upper end, at least 1; `undefined` before the first whole minute that says something. */
export function dispersionUpper(state: Dispersion): number | undefined {
  const { shardSquares, shardDegrees, pairSquares, pairs } = state;
  if (shardDegrees > 0) return Math.max(1, (shardSquares / shardDegrees) * (1 + 2 * Math.sqrt(2 / shardDegrees)));
  if (pairs > 0) return Math.max(1, (pairSquares / pairs) * (1 + 2 * Math.sqrt(3 / pairs)));
  return undefined;
}

/** Ends the minute that runs, e.g. that of the history before the candidate got its first request. */
export const endHistory = closeMinute;
