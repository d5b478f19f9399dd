/**
 * The time by which requests are measured and buckets are cut: the system's, but steady. A small correction of the system's
 * clock does not turn it, so that no request ends before it began; after a jump (a machine that slept, a clock set right) it
 * follows, since readers ask for buckets by the system's time and would otherwise never meet ours again.
 */

/** The system's clock may be so far away before it is followed. Smaller corrections are slewed, and ours with them. */
const jumpMs = 1000;

export interface SteadyTime {
  /** Milliseconds since the epoch. Rises, except where `follow` says otherwise. */
  now(): number;
  /** By how many milliseconds it has just jumped after the system's clock; 0 when the two agree. */
  follow(): number;
}

/** `system`: milliseconds since the epoch, by a clock that may be set. `steady`: milliseconds since anything, always rising. */
export function steadyTime(system: () => number, steady: () => number): SteadyTime {
  let originMs = system() - steady();
  const now = () => originMs + steady();
  return {
    now,
    follow() {
      const awayMs = system() - now();
      if (Math.abs(awayMs) <= jumpMs) return 0;
      originMs += awayMs;
      return awayMs;
    },
  };
}
