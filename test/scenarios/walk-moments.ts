/** When something goes wrong: at a random time, or at a moment of the deployment itself, which is where the dangerous ones are. */
import { among, type Chance } from "./walk-chance.ts";
import type { OnCall } from "./world-parts.ts";
import { second } from "./world-settings.ts";

export interface Moment {
  /** A call that a process makes. */
  readonly what: string;
  readonly when: "before" | "after";
  /** Of all such calls from now on. */
  nth: number;
  readonly come: () => void;
}

export type Moments = ReturnType<typeof openMoments>;

export function openMoments() {
  const waiting = new Set<Moment>();
  const onCall: OnCall = (what, _executorId, when) => {
    for (const moment of waiting) {
      if (moment.what !== what || moment.when !== when || --moment.nth > 0) continue;
      waiting.delete(moment);
      moment.come();
    }
  };
  return { onCall, at: (moment: Moment): void => void waiting.add(moment) };
}

/** Call → among how many of its occurrences one is chosen. */
const calls: readonly (readonly [what: string, among: number])[] = [
  ["shift", 14],
  ["shift", 14],
  ["shift", 40],
  ["start", 3],
  ["stop", 4],
  ["drain", 3],
  ["counters", 14],
  ["counters", 14],
  ["setServing", 1],
  ["setServing", 1],
  ["acquireLock", 2],
  ["releaseLock", 1],
  ["finish", 1],
  ["saveRecord", 1],
  ["enqueueNotifications", 7],
  ["assertInCharge", 20],
  ["lock", 20],
  ["apply", 1],
  ["put", 1],
  ["putManifest", 1],
  ["beginAttempt", 2],
  ["heartbeat", 30],
];

export type When =
  | { readonly kind: "time"; readonly afterMs: number }
  | { readonly kind: "moment"; readonly moment: Omit<Moment, "come">; readonly delayMs: number };

export function chooseWhen(chance: Chance): When {
  if (chance() < 0.3) return { kind: "time", afterMs: chance() * 40 * second };
  const [what, most] = among(chance, calls);
  const moment = { what, nth: 1 + Math.floor(chance() * most), when: among(chance, ["before", "after"] as const) };
  return { kind: "moment", moment, delayMs: among(chance, [0, 0, 0, 400, 1_500, 4_000]) };
}
