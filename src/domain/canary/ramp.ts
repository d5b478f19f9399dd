/**
 * How much traffic may the candidate have? As much as would cost a fixed number of failed requests if it were as bad as the data so
 * far allow: with an excess failure rate of at most U, at `share·requestsPerSecond` requests, for the time that it takes to notice
 * and go back. A failure of the candidate is worth at most `ln(1/share)` nats of evidence, so that small shares waste no information;
 * only the reaction time costs requests, and those grow with the share.
 */

export interface RampSettings {
  /** Failed requests that one reaction may cost. */
  readonly budgetRequests: number;
  /** From the first failure to the weight being back. */
  readonly reactionMs: number;
  readonly firstShareMin: number;
  readonly firstShareMax: number;
  /** How long a share stays at least: faults that need time show in no number of requests. */
  readonly soakMs: number;
  /** No more than this while the excess may be above `provenExcess` … */
  readonly unprovenShareMax: number;
  readonly provenExcess: number;
  /** … or until this much time has passed since the candidate got its first share. */
  readonly timerMs: number;
  /** The most it ever gets: the rest stays on the stable version as the control. */
  readonly shareMax: number;
}

export const rampDefaults: RampSettings = {
  budgetRequests: 50,
  reactionMs: 10_000,
  firstShareMin: 0.005,
  firstShareMax: 0.25,
  soakMs: 60_000,
  unprovenShareMax: 0.5,
  provenExcess: 0.005,
  timerMs: 600_000,
  shareMax: 0.95,
};

/** Of `requestsPerSecond` (both versions together), the share at which an excess of `excess` costs the whole budget. */
function affordable(excess: number, requestsPerSecond: number, settings: RampSettings): number {
  const failures = (excess * requestsPerSecond * settings.reactionMs) / 1000;
  return failures > 0 ? settings.budgetRequests / failures : Number.POSITIVE_INFINITY;
}

/** As if every request failed. Without traffic the largest first share. */
export const firstShare = (requestsPerSecond: number, settings: RampSettings = rampDefaults): number =>
  Math.max(settings.firstShareMin, Math.min(settings.firstShareMax, affordable(1, requestsPerSecond, settings)));

export interface RampProgress {
  /** What the candidate has now, 0 to 1. */
  readonly share: number;
  readonly sinceShareMs: number;
  readonly sinceStartMs: number;
  readonly requestsPerSecond: number;
  /** The largest U of the metrics that count failures; 1 while nothing is known. */
  readonly excessUpperBound: number;
}

/**
 * The share to have now: the same as before, or more, at most ten times as much. Never less: less is a rollback. Without traffic
 * it stays: nothing was seen, and what comes later would meet a share that nobody tried.
 */
export function nextShare(progress: RampProgress, settings: RampSettings = rampDefaults): number {
  const { share, excessUpperBound } = progress;
  if (!(progress.requestsPerSecond > 0)) return share;
  const timerEnded = progress.sinceStartMs >= settings.timerMs;
  if (timerEnded) return Math.max(share, settings.shareMax);
  if (progress.sinceShareMs < settings.soakMs) return share;
  const proven = excessUpperBound <= settings.provenExcess;
  const most = proven ? settings.shareMax : Math.min(settings.shareMax, settings.unprovenShareMax);
  const wanted = Math.min(10 * share, affordable(excessUpperBound, progress.requestsPerSecond, settings));
  return Math.max(share, Math.min(most, wanted));
}
