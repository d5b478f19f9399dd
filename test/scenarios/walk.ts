/**
 * One random walk: a release, killed anywhere, cancelled at any time, beside others, with late and double messages, outages,
 * lies, late calls and take-overs of the living. All of it follows from the seed. Used by random-walk.test.ts and scripts/soak.ts.
 */
import type { Fate } from "../../src/engine/simulated/world.ts";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import { chooseAim } from "./walk-aims.ts";
import { among, type Chance } from "./walk-chance.ts";
import { checkInvariants } from "./walk-invariants.ts";
import { badVotes, chooseMishap, type Mishap, spoiltInStore } from "./walk-mishaps.ts";
import { chooseWhen, type Moments, openMoments, type When } from "./walk-moments.ts";
import { releasesToChoose, settingsFor } from "./walk-releases.ts";
import { leftBehind, seedServing, stableVersion } from "./walk-serving.ts";
import { Violation } from "./walk-violation.ts";
import { openWatch, type Watch } from "./walk-watch.ts";
import { mulberry32, scenarioWorld, type World } from "./world.ts";
import { hour, minute, second } from "./world-settings.ts";

export interface WalkReport {
  readonly seed: number;
  /** Of the second deployment, to which most of it happens. */
  readonly outcome: string;
  /** Fault → how often it made a difference. */
  readonly faults: Readonly<Record<string, number>>;
}

/** In every third walk the sequential test decides. */
const judgedEvery = 3;

type Count = (fault: string) => void;

interface Walk {
  readonly seed: number;
  readonly world: World;
  readonly watch: Watch;
  readonly moments: Moments;
  readonly chance: Chance;
  readonly count: Count;
  readonly hindered: Set<string>;
  /** How much of what was chosen to go wrong at a time is still to come, or goes on. */
  readonly trouble: { ahead: number };
  readonly approvalsRequired: number;
}

/** Throws a Violation where a promise was broken. */
export async function walk(seed: number): Promise<WalkReport> {
  const chance = mulberry32(seed);
  const faults: Record<string, number> = {};
  const count: Count = (fault) => {
    faults[fault] = (faults[fault] ?? 0) + 1;
  };
  // Before the world's time begins.
  await leftBehind();
  const deaths = mortality(chance, count);
  const moments = openMoments();
  const chosen = among(chance, releasesToChoose);
  const settings = settingsFor(chance, seed % judgedEvery === 0);
  const requestsPerSecond = among(chance, [0, 1, 6, 6, 6, 6, 6, 6]);
  const hadStable = requestsPerSecond > 0 || chance() < 0.5;
  const failsFirst = (): number => (world.clock.now() - watch.roseAtMs() < (chosen.failsFirstMs ?? 0) ? 1 : 0);
  const release = chosen.failsFirstMs ? { ...chosen, errorRate: failsFirst } : chosen;
  const releases = { "v1.0.0": {}, "v1.0.1": {}, "v1.1.0": release, "v1.2.0": {} };
  const watch = openWatch(releases);
  const world: World = scenarioWorld({
    releases,
    environments: ["production"],
    settings,
    requestsPerSecond,
    seed,
    supervised: true,
    onJournalCall: deaths.onJournalCall,
    onSend: () => deliveries(chance, count),
    witness: () => watch.witness,
    onAnswer: watch.onAnswer,
    onCall: (...call) => {
      watch.onCall(...call);
      if (deaths.armed()) moments.onCall(...call);
    },
  });
  watch.attend(world);
  const approvalsRequired = settings.approvals.required;
  const walked: Walk = {
    seed,
    world,
    watch,
    moments,
    chance,
    count,
    hindered: new Set(),
    trouble: { ahead: 0 },
    approvalsRequired,
  };
  const cut: string[] = [];
  void longRequests(world, requestsPerSecond, cut);
  try {
    await stableServes(walked, hadStable);
    deaths.begin();
    const rows = await Promise.race([theOthers(walked, deaths.end), watch.broke]);
    await checkInvariants({
      world,
      watch,
      rows,
      hadStable,
      release,
      settings,
      requestsPerSecond,
      cut,
      hindered: walked.hindered,
    });
    return { seed, outcome: rows[0]?.outcome ?? "none", faults };
  } catch (thrown) {
    if (thrown instanceof Violation) throw thrown;
    const [first] = watch.violations;
    throw first ?? new Violation("it ends", thrown instanceof Error ? thrown.message : String(thrown));
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
    armed: () => armed,
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

/** As its first deployment left it. */
async function stableServes({ world, watch }: Walk, hadStable: boolean): Promise<void> {
  if (!hadStable) return;
  watch.asked.push({ id: await seedServing(world), kind: "deploy", version: stableVersion });
  watch.serves();
}

/** The second deployment, and whatever is asked for beside and after it. Returns their rows, the second's first. */
async function theOthers(walked: Walk, calm: () => void): Promise<readonly DeploymentRow[]> {
  const { seed, world, watch, chance } = walked;
  const before = watch.asked.length;
  const id = await begin(walked, "v1.1.0");
  for (let n = Math.floor(chance() * 4.5); n > 0; n--) {
    const mishap = chooseMishap(chance);
    whenChosen(walked, chooseWhen(chance), () => befall(walked, mishap, id));
  }
  const aim = chooseAim(chance, seed);
  if (aim) {
    whenChosen(walked, aim.when, () => {
      befall(walked, aim.mishap, id);
      if (aim.rival) void world.clock.sleep(300).then(() => ask(walked, "v1.2.0", "two deployments at once"));
    });
  }
  const rival = among(chance, ["", "", "", "v1.2.0", "v1.2.0", "v1.0.1", "rollback"]);
  if (rival) whenChosen(walked, chooseWhen(chance), () => void ask(walked, rival, "two deployments at once"));
  // From here on nothing new goes wrong: a held or waiting deployment ends by its own limits.
  void world.clock.sleep(2 * minute).then(calm);
  void freeWhatIsQuarantined(world);
  await world.ended(id, 4 * hour);
  if (chance() < 0.15) await ask(walked, "rollback", "rollback by hand");
  const known = new Set<string>();
  const oneMore = () => watch.asked.slice(before).find((each) => !known.has(each.id));
  for (let next = oneMore(); next; next = oneMore()) {
    known.add(next.id);
    await world.ended(next.id, 4 * hour);
    if (!oneMore()) await untilQuiet(walked);
  }
  const rows = await Promise.all([...known].map((each) => world.ledger.deployment(each)));
  return rows.filter((row) => row !== undefined);
}

/** Nothing that was to go wrong goes wrong any more, and whatever was called late has arrived. */
async function untilQuiet({ world, trouble }: Walk): Promise<void> {
  const endsAtMs = world.clock.now() + minute;
  while (trouble.ahead > 0 && world.clock.now() < endsAtMs) await world.clock.sleep(second);
  await world.clock.sleep(8 * second);
}

async function begin(walked: Walk, version: string): Promise<string> {
  const { world, watch, chance } = walked;
  // One who may approve what others start.
  const id = await world.begin(version, { by: "kim" });
  watch.asked.push({ id, kind: "deploy", version });
  const votes = walked.approvalsRequired > 0 ? Math.floor(chance() * 3) : 0;
  for (let n = 0; n < votes; n++) {
    const mishap = among(chance, badVotes);
    void world.clock.sleep((6 + chance() * 8) * second).then(() => befall(walked, mishap, id));
  }
  const overtaken = version === "v1.1.0" && walked.approvalsRequired > 0 && chance() < 0.25;
  if (overtaken) void world.clock.sleep(4 * second).then(() => ask(walked, "v1.2.0", "two deployments at once"));
  const approvedAfterMs = (overtaken ? 60 : 7 + chance() * 25) * second;
  if (chance() < 0.75) void world.clock.sleep(approvedAfterMs).then(() => world.approve(id, "bob"));
  return id;
}

/** What cannot be asked for now (nothing to go back to) is not counted. */
async function ask(walked: Walk, what: string, fault: string): Promise<void> {
  const { world, watch, count } = walked;
  try {
    if (what === "rollback") {
      const id = await world.beginRollback();
      const row = await world.ledger.deployment(id);
      watch.asked.push({ id, kind: "rollback", version: row?.version ?? "" });
    } else await begin(walked, what);
  } catch {
    return;
  }
  count(what === "rollback" ? "rollback by hand" : fault);
}

function befall({ world, watch, chance, count, hindered, trouble }: Walk, mishap: Mishap, id: string): void {
  trouble.ahead++;
  const noted = (hit: boolean) => {
    if (!hit) return;
    count(mishap.name);
    if (mishap.hinders !== false) hindered.add(mishap.name);
    if (mishap.name === spoiltInStore) watch.spoils();
  };
  void Promise.resolve(mishap.happen(world, id, chance))
    .then(noted)
    .finally(() => trouble.ahead--);
}

function whenChosen({ world, moments, trouble }: Walk, when: When, act: () => void): void {
  const later = (afterMs: number) => {
    trouble.ahead++;
    void world.clock
      .sleep(afterMs)
      .then(act)
      .finally(() => trouble.ahead--);
  };
  if (when.kind === "time") {
    later(when.afterMs);
    return;
  }
  const { moment, delayMs } = when;
  moments.at({ ...moment, come: () => (delayMs === 0 ? act() : later(delayMs)) });
}

/** A person has looked. */
async function freeWhatIsQuarantined(world: World): Promise<void> {
  for (;;) {
    await world.clock.sleep(10 * minute);
    for (const { id } of await world.ledger.deployments({ unfinished: true })) await world.release(id);
  }
}

/** Clients whose requests take two seconds: well within the time to drain, so nobody may be stopped under them. */
async function longRequests(world: World, requestsPerSecond: number, cut: string[]): Promise<void> {
  while (requestsPerSecond > 0) {
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
        if (stopped && !world.faults.met.get("routerPretends")) {
          cut.push(`${component} ${serving?.revision} at ${world.clock.now()}`);
        }
      });
    }
  }
}
