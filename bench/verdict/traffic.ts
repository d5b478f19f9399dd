/** Requests of a rollout of thirty minutes, in buckets of five seconds: Poisson arrivals, and failures as a scene says. */
import type { RateCounts } from "../../src/domain/canary/bucket.ts";
import type { Random } from "./random.ts";

export const bucketSeconds = 5;
export const bucketsPerMinute = 60 / bucketSeconds;
export const horizonBuckets = 360;

/** One bucket of both versions; `shards` are the stable version's replicas where the scene has some. */
export interface Bucket {
  readonly candidate: RateCounts;
  readonly stable: RateCounts;
  readonly shards?: readonly RateCounts[];
}

/** Where a rollout stands: the failure rates are functions of the bucket's index, so that they may move. */
export interface Scene {
  readonly requestsPerSecond: number;
  /** The candidate's share of the traffic, 0 to 1. */
  readonly share: number;
  readonly stableRate: (index: number) => number;
  readonly candidateRate: (index: number) => number;
  readonly bursts?: Bursts;
}

/** `batch`: failures come in batches of this mean size. `minutes`: each replica's rate is scaled anew each minute (gamma shape). */
export interface Bursts {
  readonly batch: number;
  readonly minutes?: number;
  readonly replicas: number;
}

export const still = (rate: number) => (): number => rate;

export function counts(random: Random, requests: number, rate: number): RateCounts {
  const events = random.poisson(requests * rate);
  return { events, total: events + random.poisson(requests * (1 - rate)) };
}

export type Source = (index: number, share: number) => Bucket;

/** A source of buckets, in rising order of their index; an index below 0 is before the candidate came. */
export function trafficOf(scene: Scene, random: Random): Source {
  const { bursts } = scene;
  if (bursts === undefined) {
    return (index, share) => {
      const requests = scene.requestsPerSecond * bucketSeconds;
      return {
        candidate: counts(random, requests * share, scene.candidateRate(index)),
        stable: counts(random, requests * (1 - share), scene.stableRate(index)),
      };
    };
  }
  return burstyTraffic(scene, bursts, random);
}

/** A geometric batch of a mean size of `mean`. */
const batchOf = (random: Random, mean: number): number =>
  mean <= 1 ? 1 : 1 + Math.floor(Math.log(1 - random.next()) / Math.log(1 - 1 / mean));

function burstyTraffic(scene: Scene, bursts: Bursts, random: Random): Source {
  let minute = Number.NaN;
  let scales: readonly number[] = [];
  const scaled = (rate: number, replica: number): number => Math.min(1, rate * (scales[replica] ?? 1));
  const burst = (requests: number, rate: number): RateCounts => {
    let events = 0;
    for (let batches = random.poisson((requests * rate) / bursts.batch); batches > 0; batches -= 1) {
      events += batchOf(random, bursts.batch);
    }
    const others = random.poisson(requests * (1 - rate));
    return { events, total: events + others };
  };
  return (index, share) => {
    const now = Math.floor(index / bucketsPerMinute);
    if (now !== minute && bursts.minutes !== undefined) {
      const shape = bursts.minutes;
      scales = Array.from({ length: bursts.replicas + 1 }, () => random.gamma(shape));
    }
    minute = now;
    const requests = scene.requestsPerSecond * bucketSeconds;
    const each = (requests * (1 - share)) / bursts.replicas;
    const rate = scene.stableRate(index);
    const shards = Array.from({ length: bursts.replicas }, (_, replica) => burst(each, scaled(rate, replica)));
    const stable = {
      events: shards.reduce((sum, { events }) => sum + events, 0),
      total: shards.reduce((sum, { total }) => sum + total, 0),
    };
    return { candidate: burst(requests * share, scaled(scene.candidateRate(index), bursts.replicas)), stable, shards };
  };
}
