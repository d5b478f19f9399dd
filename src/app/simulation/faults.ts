/** W4: what can be made to go wrong in a simulation. One table: a sentence, what it needs, and what it does to the world. */
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { smokeSuiteOf } from "./checks.ts";
import type { FaultPlace, Stagehand } from "./mishaps.ts";

export interface Fault {
  readonly says: string;
  readonly apply: (world: Stagehand) => void | Promise<void>;
  /** Without which it cannot happen, in words, with what to do; undefined where it can. */
  readonly lacks?: (place: FaultPlace) => string | undefined;
}

const awayMs = 30_000;
const badRate = 0.05;

const routed = ({ settings }: FaultPlace): string | undefined =>
  settings.components.some(({ route }) => route !== null) ? undefined : "no component has a route";

const besideStable = (place: FaultPlace): string | undefined =>
  place.first ? "nothing serves yet: leave out --first" : routed(place);

const asked = ({ settings }: FaultPlace): string | undefined =>
  settings.approvals.required > 0 ? undefined : "the environment needs no approval (approvals.required is 0)";

const needs =
  (has: (settings: EnvironmentSettings) => boolean, lacking: string) =>
  ({ settings }: FaultPlace): string | undefined =>
    has(settings) ? undefined : lacking;

/** Well over every limit that the environment sets. */
const slowMs = ({ rollout, observation }: EnvironmentSettings): number =>
  3 *
  Math.max(
    1_000,
    ...[rollout, observation].flatMap(({ limits }) => [limits.meanLatencyMs ?? 0, limits.p95LatencyMs ?? 0]),
  );

export const faults = {
  "bad-release": {
    says: "5 % of the requests to the new version fail",
    lacks: routed,
    apply: ({ broken }) => {
      broken.errorRate = badRate;
    },
  },
  "dead-release": {
    says: "the new version starts, then fails every request and every check",
    apply: ({ broken }) => void Object.assign(broken, { errorRate: 1, healthy: false }),
  },
  "crash-on-start": {
    says: "the new version ends half a second after its start",
    apply: ({ broken }) => {
      broken.start = { kind: "crashes", afterMs: 500, lastLines: "Error: simulated crash" };
    },
  },
  "never-ready": {
    says: "the new version starts and never says that it is ready",
    apply: ({ broken }) => {
      broken.start = { kind: "never-ready" };
    },
  },
  "wrong-version": {
    says: "what was started names another version than the one deployed",
    lacks: needs(
      ({ components }) => components.some(({ ready }) => ready.tellsVersion),
      "no component tells its version (components.<name>.ready.tellsVersion)",
    ),
    apply: ({ broken }) => {
      broken.start = { kind: "ready", afterMs: 1_000, answersVersion: "v0.0.0-other" };
    },
  },
  "no-traffic": {
    says: "nobody sends a request while the new version is judged",
    lacks: routed,
    apply: ({ broken }) => {
      broken.requestsPerSecond = 0;
    },
  },
  "slow-release": {
    says: "the new version answers at three times the configured limits of latency",
    lacks: routed,
    apply: ({ broken, settings }) => {
      broken.latencyMs = slowMs(settings);
    },
  },
  "migration-fails": {
    says: "the last of the release's migrations fails",
    lacks: needs(({ migrations }) => migrations.length > 0, "no migrations are configured"),
    apply: ({ broken }) => {
      broken.migrationFails = true;
    },
  },
  "backup-fails": {
    says: "the backup reads back with other bytes than were written",
    lacks: needs(
      ({ databases, backup }) => databases.length > 0 && backup.policy !== "none",
      "nothing is backed up: there is no database, or backup.policy is none",
    ),
    apply: ({ broken }) => {
      broken.backupDamaged = true;
    },
  },
  "smoke-fails": {
    says: "the new version fails the smoke suite, and nothing else",
    lacks: needs(
      (settings) => smokeSuiteOf(settings).length > 0,
      "the smoke suite of the environment has no checks (smoke.checks, smoke.journeys)",
    ),
    apply: ({ broken }) => {
      broken.smokePasses = false;
    },
  },
  killed: {
    says: "the orchestrator is killed in the middle of the rollout, and another one takes over",
    apply: (world) => world.duringRollout(() => world.killAndReplace()),
  },
  "killed-twice": {
    says: "the one that took over is killed as well",
    apply: (world) =>
      world.duringRollout(async () => {
        await world.killAndReplace();
        await world.wait(2_000);
        await world.killAndReplace();
      }),
  },
  "ledger-away": {
    says: "the ledger's database does not answer for 30 s in the middle of the rollout",
    apply: (world) =>
      world.duringRollout(async () => {
        world.broken.ledgerAway = true;
        world.note("the ledger does not answer any more");
        await world.wait(awayMs);
        world.broken.ledgerAway = false;
        world.note("the ledger answers again");
      }),
  },
  "router-restart": {
    says: "the routers restart in the middle of the rollout: the weights stay, the counters begin at zero",
    lacks: routed,
    apply: (world) =>
      world.duringRollout(async () => {
        await world.restartRouters();
        world.note("the routers have restarted; their counters begin at zero");
      }),
  },
  "router-reverts": {
    says: "somebody else turns all traffic back to the stable version in the middle of the rollout",
    lacks: besideStable,
    apply: (world) =>
      world.duringRollout(async () => {
        await world.revertRouters();
        world.note("somebody else has turned all traffic to the stable version");
      }),
  },
  "channel-down": {
    says: "no notification can be delivered",
    lacks: needs(({ notify }) => notify.length > 0, "no channels are configured (notify)"),
    apply: ({ broken }) => {
      broken.channelsDown = true;
    },
  },
  "target-away": {
    says: "the target stops answering in the middle of the rollout, a person cancels, and the undo cannot reach it",
    apply: (world) =>
      world.duringRollout(async () => {
        world.broken.targetAway = true;
        world.note("the target does not answer any more");
        await world.cancel("the host does not answer");
      }),
  },
  rejected: {
    says: "an approver says no",
    lacks: asked,
    apply: ({ broken }) => {
      broken.people = "reject";
    },
  },
  expired: {
    says: "no approver answers until the time to approve is over",
    lacks: asked,
    apply: ({ broken }) => {
      broken.people = "silent";
    },
  },
  "lock-held": {
    says: "somebody has locked the environment by hand",
    apply: (world) => world.lockByHand("a simulated incident"),
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof faults;

export const faultNames = Object.keys(faults) as readonly FaultName[];

export const isFaultName = (name: string): name is FaultName => Object.hasOwn(faults, name);

export const faultNamed = (name: FaultName): Fault => faults[name];
