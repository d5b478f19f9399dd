/**
 * Trouble at the moment where it is most dangerous. Chosen blindly, a mishap meets such a moment once in some thousand walks;
 * each of these is the moment that one safeguard is there for.
 */
import { among, type Chance } from "./walk-chance.ts";
import { type Mishap, mishapNamed } from "./walk-mishaps.ts";
import type { When } from "./walk-moments.ts";

export interface Aim {
  readonly mishap: Mishap;
  readonly when: When;
  /** A newer release is asked for a moment later. */
  readonly rival?: boolean;
}

const at = (what: string, when: "before" | "after", nth = 1, delayMs = 0): When => ({
  kind: "moment",
  moment: { what, when, nth },
  delayMs,
});

const aims: readonly Aim[] = [
  { mishap: mishapNamed("a migration nobody planned"), when: at("acquireLock", "before") },
  { mishap: mishapNamed("lock released by hand"), when: at("shift", "after", 3), rival: true },
  { mishap: mishapNamed("lock released by hand"), when: at("start", "after"), rival: true },
  { mishap: mishapNamed("cancelled"), when: at("setServing", "after") },
  { mishap: mishapNamed("cancelled"), when: at("setServing", "before") },
  { mishap: mishapNamed("cancelled"), when: at("shift", "after", 4) },
  { mishap: mishapNamed("cancelled"), when: { kind: "time", afterMs: 9_000 } },
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("assertInCharge", "before", 4) },
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("append", "before", 14) },
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("lock", "after", 5) },
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("lock", "after", 6) },
  { mishap: mishapNamed("killed with calls under way"), when: at("shift", "after", 2) },
  { mishap: mishapNamed("killed with calls under way"), when: at("counters", "after", 6) },
  { mishap: mishapNamed("killed with calls under way"), when: at("acquireLock", "after") },
  { mishap: mishapNamed("process killed"), when: at("counters", "after", 5) },
  { mishap: mishapNamed("process killed"), when: at("counters", "before", 7) },
  { mishap: mishapNamed("stable dies while it serves"), when: at("shift", "after", 3) },
  { mishap: mishapNamed("stable dies while it serves"), when: at("counters", "after", 5) },
  { mishap: mishapNamed("router says yes and does nothing"), when: at("setServing", "before") },
  { mishap: mishapNamed("router says yes and does nothing"), when: at("counters", "after", 9, 1_500) },
  { mishap: mishapNamed("router shows the weights of before"), when: at("shift", "before") },
  { mishap: mishapNamed("another backup under its name"), when: at("put", "before") },
  { mishap: mishapNamed("health check lies"), when: at("counters", "after", 4) },
  { mishap: mishapNamed("weights edited behind our back"), when: at("shift", "after", 3, 400) },
  { mishap: mishapNamed("channel down"), when: at("saveRecord", "before") },
];

/** In turn, and by the seed alone: a seed that was noted before these were goes on showing what it showed. */
const aimsInTurn: readonly Aim[] = [
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("drain", "after") },
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("drain", "after", 2) },
  { mishap: mishapNamed("paused past its lease, then woken"), when: at("stop", "after") },
  { mishap: mishapNamed("router says yes and does nothing for 40 s"), when: at("shift", "after", 1, 2_000) },
  { mishap: mishapNamed("router says yes and does nothing for 40 s"), when: at("shift", "after", 1, 3_500) },
  { mishap: mishapNamed("process killed"), when: at("finish", "after") },
  { mishap: mishapNamed("process killed"), when: at("finish", "before") },
];
const turnEvery = 5;

export function chooseAim(chance: Chance, seed: number): Aim | undefined {
  const chosen = chance() < 0.5 ? among(chance, aims) : undefined;
  const turn = (seed + 1) / turnEvery;
  return Number.isInteger(turn) ? aimsInTurn[turn % aimsInTurn.length] : chosen;
}
