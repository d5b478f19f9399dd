/** A rule that may roll a candidate back, ours or another tool's, as the bench sees it. */
import type { Random } from "./random.ts";
import type { Bucket, Scene } from "./traffic.ts";

export interface Rule {
  readonly name: string;
  begin(scene: Scene, random: Random): Judge;
}

/** Looks at one more bucket; `true` is a rollback at the end of it. */
export type Judge = (bucket: Bucket, index: number) => boolean;

/** Sums of both versions since they were last taken. */
export interface Sums {
  k: number;
  nc: number;
  s: number;
  ns: number;
}

export const noSums = (): Sums => ({ k: 0, nc: 0, s: 0, ns: 0 });

export function addBucket(sums: Sums, { candidate, stable }: Bucket): void {
  sums.k += candidate.events;
  sums.nc += candidate.total;
  sums.s += stable.events;
  sums.ns += stable.total;
}

/** A judge that looks at the sums of each whole minute. */
export function everyMinute(look: (minute: Sums) => boolean, buckets = 12): Judge {
  let sums = noSums();
  return (bucket, index) => {
    addBucket(sums, bucket);
    if ((index + 1) % buckets !== 0) return false;
    const minute = sums;
    sums = noSums();
    return look(minute);
  };
}
