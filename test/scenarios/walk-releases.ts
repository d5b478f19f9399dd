/** What a random walk deploys, and under which settings. */
import type { FailureAction } from "../../src/domain/settings.ts";
import { fail } from "../../src/domain/verdict.ts";
import { quick } from "./quick.ts";
import { among, type Chance } from "./walk-chance.ts";
import { minute, type SettingsChange, second, verdictOff } from "./world-settings.ts";
import type { ReleaseBehaviour } from "./world-sources.ts";

export interface WalkRelease extends ReleaseBehaviour {
  /** What every deployment of it must notice, whatever is configured for smoke and observation. */
  readonly neverServes?: boolean;
  /** What the smoke suite must notice: it may serve where a failed smoke suite does not send it back. */
  readonly smokeFails?: boolean;
  /** All its requests fail for so long after it got more of them. */
  readonly failsFirstMs?: number;
}

const adds = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };

export const releasesToChoose: readonly WalkRelease[] = [
  {},
  {},
  { migrations: [adds] },
  { migrations: [adds] },
  { errorRate: 0.5, neverServes: true },
  { errorRate: 0.08 },
  { failsFirstMs: 2_200 },
  { start: { kind: "crashes", afterMs: 300, lastLines: "no" }, neverServes: true },
  { start: { kind: "never-ready" }, neverServes: true },
  { start: { kind: "ready", afterMs: 5_000 } },
  { buildFails: true, neverServes: true },
  { health: () => fail("sick"), neverServes: true },
  { smoke: () => fail("checkout is broken"), migrations: [adds], smokeFails: true },
];

/** Buckets as short as the bakes are, and errors alone: half a minute of six requests a second says nothing about latency. */
const judging = {
  ...verdictOff,
  mode: "decides",
  bucketMs: second,
  graceMs: 250,
  warmUpMs: second,
  advisory: ["latency"],
} as const;

/** @param judged the sequential test decides about the weights, and no fixed line. */
export function settingsFor(chance: Chance, judged: boolean) {
  const smoke = among<FailureAction>(chance, ["roll-back", "hold", "alert"]);
  const observation = among<FailureAction>(chance, ["roll-back", "alert"]);
  return {
    ...quick,
    build: among(chance, ["before-plan", "with-migrations"]),
    approvals: { required: among(chance, [0, 0, 1]), timeoutMs: 3 * minute, remindEveryMs: minute },
    lock: { onBusy: among(chance, ["fail", "queue", "queue"]), queueTimeoutMs: 2 * minute },
    rollback: { on: { health: "roll-back", smoke, observation, rollout: "roll-back" } },
    rollout: {
      ...quick.rollout,
      keepStableMs: among(chance, [0, 60_000]),
      ...(judged ? { verdict: judging, controlPercent: among(chance, [0, 5]) } : {}),
    },
    observation: { ...quick.observation, extendedMs: among(chance, [0, 6 * second]) },
  } as const satisfies SettingsChange;
}
