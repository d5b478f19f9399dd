/**
 * The world of one simulation: everything in memory, on one virtual clock. It listens to the deployment's events, as people and
 * faults do: votes are given when they are asked for, and what goes wrong in the middle of the rollout goes wrong then.
 */
import { grammarAtHand } from "../../adapters/postgres-grammar/grammar.ts";
import { processTarget } from "../../adapters/process/process-target.ts";
import type { NewEvent } from "../../domain/events.ts";
import { stepsFor } from "../../domain/rollout.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { memoryLedger } from "../../engine/ledger/memory-ledger.ts";
import { type VirtualClock, virtualClock } from "../../engine/simulated/virtual-clock.ts";
import { simulatedWorld } from "../../engine/simulated/world.ts";
import type { Ledger } from "../../ports/ledger.ts";
import type { SqlGrammar } from "../../ports/sql-grammar.ts";
import type { Mishaps } from "./mishaps.ts";
import { type SimulatedParts, simulatedParts } from "./parts.ts";
import { votesOf } from "./people.ts";
import { failing, type SimulatedPlace, simulatedPlace, unreachable } from "./place.ts";
import { type SimulatedProcesses, simulatedProcesses } from "./processes.ts";
import type { SimulatedRelease } from "./release.ts";
import type { SimulateOptions, SimulationNote } from "./simulated.ts";

const usualLatencyMs = 20;
/** It waits for a person for ever; its last notifications leave a heartbeat later. */
const lastDeliveryMs = 5_000;

/** What a fault does in the middle of the rollout, where it comes to that. */
interface Occasion {
  readonly fault: string;
  readonly action: () => Promise<void>;
  begun: boolean;
}

/** What happens once; later events of the kind change nothing. */
export interface Watch {
  readonly notes: SimulationNote[];
  readonly duringRollout: Occasion[];
  rolloutBegan: boolean;
  /** The last plan that people were asked about. */
  asked: string;
  /** Clients come only where somebody counts them: two days of waiting for an approval need no requests. */
  counting: boolean;
  readonly quarantined: PromiseWithResolvers<void>;
  /** Of what the simulation itself does. */
  readonly broke: PromiseWithResolvers<never>;
}

export interface World {
  readonly settings: EnvironmentSettings;
  readonly options: SimulateOptions;
  readonly release: SimulatedRelease;
  readonly clock: VirtualClock;
  readonly rawLedger: Ledger;
  readonly broken: Mishaps;
  readonly place: SimulatedPlace;
  readonly parts: SimulatedParts;
  readonly processes: SimulatedProcesses;
  readonly watch: Watch;
  /** Set once the deployment is created. */
  deploymentId: string;
}

export function openWorld(settings: EnvironmentSettings, options: SimulateOptions, release: SimulatedRelease): World {
  const clock = virtualClock({ startMs: options.startMs });
  const broken = usually(options);
  const rawLedger = memoryLedger({ now: clock.now, id: "simulated" });
  const candidate = release.version;
  const place = simulatedPlace({
    settings,
    clock,
    broken,
    candidate,
    usualErrorRate: options.errorRate,
    realTarget: processTarget({ root: settings.target.root, environment: settings.environment, clock }),
  });
  const watch: Watch = {
    notes: [],
    duringRollout: [],
    rolloutBegan: false,
    asked: "",
    counting: false,
    quarantined: Promise.withResolvers<void>(),
    broke: Promise.withResolvers<never>(),
  };
  watch.broke.promise.catch(() => undefined);
  const heard: Ledger = {
    ...rawLedger,
    async append(event, attempt) {
      await rawLedger.append(event, attempt);
      onEvent(world, event);
    },
    async setState(id, state, attempt) {
      await rawLedger.setState(id, state, attempt);
      watch.counting &&= state !== "waiting";
      watch.counting ||= watch.rolloutBegan && state === "running";
    },
  };
  const ledger = failing(heard, () => broken.ledgerAway, unreachable("LEDGER_UNREACHABLE", "ledger"));
  const migrations = migrationsOf(settings, options);
  const { source } = release;
  // Read for real, and simulated time stands still meanwhile. Without a thread: the texts are the simulation's own.
  const sqlGrammar: SqlGrammar = {
    read: (...args) => clock.hold(grammarAtHand().then((grammar) => grammar.read(...args))),
  };
  const parts = simulatedParts({ settings, clock, ledger, source, place, broken, candidate, migrations, sqlGrammar });
  const simulated = simulatedWorld({ clock });
  const processes = simulatedProcesses({ simulated, ledger, rawLedger, partsFor: parts.partsFor });
  const world: World = {
    settings,
    options,
    release,
    clock,
    rawLedger,
    broken,
    place,
    parts,
    processes,
    watch,
    deploymentId: "",
  };
  return world;
}

const usually = ({ requestsPerSecond, errorRate }: SimulateOptions): Mishaps => ({
  errorRate,
  latencyMs: usualLatencyMs,
  start: { kind: "ready", afterMs: 1_000 },
  healthy: true,
  smokePasses: true,
  requestsPerSecond,
  people: "approve",
  migrationFails: false,
  backupDamaged: false,
  ledgerAway: false,
  targetAway: false,
  channelsDown: false,
});

/** A migration that fails has to be there. */
export const migrationsOf = ({ migrations }: EnvironmentSettings, options: SimulateOptions): number => {
  if (migrations.length === 0) return 0;
  return options.faults.includes("migration-fails") ? Math.max(1, options.migrations) : options.migrations;
};

interface Detail {
  readonly shifted?: boolean;
  readonly waitingForApproval?: boolean;
  readonly planDigest?: string;
  readonly missing?: number;
}

function onEvent(world: World, event: NewEvent): void {
  const { watch } = world;
  const { shifted, waitingForApproval, planDigest = "", missing = 0 } = (event.detail ?? {}) as Detail;
  if (shifted) rolloutBegins(world);
  if (waitingForApproval) askPeople(world, planDigest, missing);
  if (event.step !== "finish" || event.phase !== "progress") return;
  watch.counting = false;
  if (event.key === "quarantined") later(world, lastDeliveryMs, async () => watch.quarantined.resolve());
}

function rolloutBegins(world: World): void {
  const { watch, settings, options } = world;
  if (watch.rolloutBegan) return;
  watch.rolloutBegan = true;
  watch.counting = true;
  const [first] = stepsFor(settings.rollout.steps, !options.first);
  for (const occasion of watch.duringRollout) {
    later(world, (first?.bakeMs ?? 0) / 2, () => {
      occasion.begun = true;
      return occasion.action();
    });
  }
}

function askPeople(world: World, planDigest: string, missing: number): void {
  const { watch } = world;
  if (planDigest === watch.asked) return;
  watch.asked = planDigest;
  later(world, 1_000, () => vote(world, planDigest, missing));
}

function later({ clock, watch }: World, ms: number, action: () => Promise<void>): void {
  clock.sleep(ms).then(action).catch(watch.broke.reject);
}

async function vote(
  { settings, options, release, broken, rawLedger, deploymentId }: World,
  planDigest: string,
  missing: number,
) {
  const { author, authorEmail } = release.commit;
  const excluded = [options.startedBy, ...(settings.approvals.excludeAuthor ? [author, authorEmail] : [])];
  for (const each of votesOf(settings, { planDigest, missing, excluded }, broken.people)) {
    await rawLedger.recordApproval(deploymentId, each);
  }
}
