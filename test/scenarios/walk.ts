/**
 * One random walk: a release, killed anywhere, cancelled at any time, with late and double messages, outages, late calls and
 * take-overs of the living. All of it follows from the seed. Used by random-walk.test.ts and by scripts/soak.ts.
 */
import type { Fate } from "../../src/engine/simulated/world.ts";
import { checkInvariants, Violation } from "./walk-invariants.ts";
import { among, type Chance, mishaps, releasesToChoose, settingsFor } from "./walk-mishaps.ts";
import { mulberry32, scenarioWorld, type World } from "./world.ts";
import { hour, minute, second } from "./world-settings.ts";

export interface WalkReport {
  readonly seed: number;
  readonly outcome: string;
  /** Fault → how often it happened. */
  readonly faults: Readonly<Record<string, number>>;
}

type Count = (fault: string) => void;

/** Throws a Violation where a promise was broken. */
export async function walk(seed: number): Promise<WalkReport> {
  const chance = mulberry32(seed);
  const faults: Record<string, number> = {};
  const count: Count = (fault) => {
    faults[fault] = (faults[fault] ?? 0) + 1;
  };
  const deaths = mortality(chance, count);
  const release = among(chance, releasesToChoose);
  const settings = settingsFor(chance);
  const requestsPerSecond = among(chance, [0, 1, 20, 20, 20, 20]);
  const world = scenarioWorld({
    releases: { "v1.0.0": {}, "v1.1.0": release },
    settings,
    requestsPerSecond,
    seed,
    supervised: true,
    onJournalCall: deaths.onJournalCall,
    onSend: () => deliveries(chance, count),
  });
  const cut: string[] = [];
  if (requestsPerSecond > 0) void longRequests(world, cut);
  try {
    const hadStable = await firstDeployment(world);
    deaths.begin();
    const { id, outcome } = await secondDeployment(world, chance, count, deaths.end);
    await world.clock.sleep(2 * minute);
    await checkInvariants({
      world,
      id,
      outcome,
      hadStable,
      release,
      smokeSendsBack: settings.rollback.on.smoke === "roll-back",
      approvalsRequired: settings.approvals.required,
      requestsPerSecond,
      cut,
    });
    return { seed, outcome: outcome ?? "none", faults };
  } catch (thrown) {
    if (thrown instanceof Violation) throw thrown;
    throw new Violation("it ends", thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    world.dispose();
  }
}

/** Which touches of the journal a process dies at. */
function mortality(chance: Chance, count: Count) {
  const deaths = new Set(Array.from({ length: Math.floor(chance() * 4) }, () => Math.floor(chance() * 120)));
  let armed = false;
  let calls = 0;
  return {
    begin: () => {
      armed = true;
    },
    end: () => {
      armed = false;
    },
    onJournalCall: (): Fate => {
      if (!armed || !deaths.has(++calls)) return "go";
      const fate = among(chance, ["die-before", "die-after"] as const);
      count(fate === "die-before" ? "killed before a journal write" : "killed after a journal write");
      return fate;
    },
  };
}

function deliveries(chance: Chance, count: Count): readonly number[] {
  const afterMs = among(chance, [[0], [0, 500], [3_000], [2_000, 0]]);
  if (afterMs.length > 1) count("message twice");
  if (Math.min(...afterMs) > 0 || afterMs.length > 1) count("message late");
  return afterMs;
}

/** Approved where that is needed; it may end undecided where hardly anybody comes. Returns whether something serves. */
async function firstDeployment(world: World): Promise<boolean> {
  const id = await world.begin("v1.0.0");
  void world.clock.sleep(5 * second).then(() => world.approve(id, "bob"));
  return (await world.ended(id)).outcome === "succeeded";
}

async function secondDeployment(world: World, chance: Chance, count: Count, calm: () => void) {
  const id = await world.begin("v1.1.0");
  if (chance() < 0.8) void world.clock.sleep(8 * second).then(() => world.approve(id, "bob"));
  for (let n = Math.floor(chance() * 4); n > 0; n--) {
    const mishap = among(chance, mishaps);
    void world.clock.sleep(chance() * 40 * second).then(() => {
      count(mishap.name);
      return mishap.happen(world, id);
    });
  }
  // From here on nothing new goes wrong: a held or waiting deployment ends by its own limits.
  void world.clock.sleep(2 * minute).then(calm);
  void world.clock.sleep(hour).then(() => world.release(id));
  return world.ended(id, 4 * hour);
}

/** Clients whose requests take two seconds: well within the time to drain, so nobody may be stopped under them. */
async function longRequests(world: World, cut: string[]): Promise<void> {
  for (;;) {
    await world.clock.sleep(5 * second);
    const place = world.at();
    for (const [component, router] of place.routers) {
      const serving = router.begin();
      const seen = place.target.effects.length;
      void world.clock.sleep(2 * second).then(() => {
        serving?.end({ durationMs: 2 * second });
        const stopped = place.target.effects
          .slice(seen)
          .some(
            (each) => each.effect === "stopped" && each.component === component && each.revision === serving?.revision,
          );
        if (stopped) cut.push(`${component} ${serving?.revision} at ${world.clock.now()}`);
      });
    }
  }
}
