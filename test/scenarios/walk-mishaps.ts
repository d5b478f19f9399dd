/** The things that go wrong in a random walk. Each tells whether it made a difference; only then it counts. */
import { percentOf, type Share } from "../../src/domain/traffic.ts";
import { among, type Chance } from "./walk-chance.ts";
import type { World } from "./world.ts";
import type { FaultName } from "./world-faults.ts";
import { hour, minute, second } from "./world-settings.ts";
import { builtDigest } from "./world-sources.ts";

export interface Mishap {
  readonly name: string;
  /** To the deployment `id`, now. Whether anything is different because of it. */
  readonly happen: (world: World, id: string, chance: Chance) => boolean | Promise<boolean>;
  /** A person, or a clock: a rollback that fails did not fail because of it. */
  readonly hinders?: false;
}

export const spoiltInStore = "backup spoilt after it was proven";

const met = (world: World, what: FaultName): number => world.faults.met.get(what) ?? 0;

async function outage(world: World, what: FaultName, forMs: number): Promise<boolean> {
  const before = met(world, what);
  world.faults[what] = true;
  await world.clock.sleep(forMs);
  world.faults[what] = false;
  if (what.startsWith("router")) world.at().comeToSenses();
  return met(world, what) > before;
}

const outageOf = (name: string, what: FaultName, forMs: number): Mishap => ({
  name,
  happen: (world) => outage(world, what, forMs),
});

const isOpen = async (world: World, id: string): Promise<boolean> =>
  (await world.ledger.deployment(id))?.outcome === null;

/** While the deployment has no outcome. */
const person = (name: string, act: (world: World, id: string) => Promise<unknown>): Mishap => ({
  name,
  hinders: false,
  async happen(world, id) {
    if (!(await isOpen(world, id))) return false;
    await act(world, id);
    return true;
  },
});

const kill = (world: World, id: string): boolean => {
  const { executorId } = world.newest(id);
  const lived = world.isAlive(executorId);
  world.crash(id);
  return lived;
};

const pause = (name: string, forMs: number): Mishap => ({
  name,
  hinders: false,
  async happen(world, id) {
    const goOn = world.pause(id);
    await world.clock.sleep(forMs);
    goOn();
    return isOpen(world, id);
  },
});

/** Weights on two versions, set otherwise by somebody else. */
async function edit(world: World, share: (each: Share, at: number) => number): Promise<boolean> {
  let changed = false;
  for (const [component, router] of world.at().routers) {
    const split = await router.observe(new AbortController().signal);
    const serving = split.filter(({ percent }) => percent > 0);
    // Who gives traffic to what is being stopped, since it has none any more, loses it by his own doing.
    if (serving.length < 2 || !serving.every(({ revision }) => world.at().isRunning(component, revision))) continue;
    const edited = split.map((each, at) => ({ ...each, percent: share(each, at) }));
    if (edited.every(({ revision, percent }) => percent === percentOf(split, revision))) continue;
    router.edit(edited);
    changed = true;
  }
  return changed;
}

/** The one who serves least (`candidate`) or most of a component dies. */
async function die(world: World, component: string, who: "candidate" | "stable"): Promise<boolean> {
  const split = await world.at().routers.get(component)?.observe(new AbortController().signal);
  const share = who === "candidate" ? split?.[1] : split?.[0];
  const alone = (split?.length ?? 0) < 2;
  if (share === undefined || (alone && who === "candidate")) return false;
  world.at().kill(component, share.revision, 0);
  return true;
}

const jump = (name: string, ms: number, backAfterMs: number | null): Mishap => ({
  name,
  async happen(world, id) {
    if (!(await isOpen(world, id))) return false;
    world.putClockForward(ms);
    if (backAfterMs === null) return true;
    await world.clock.sleep(backAfterMs);
    world.putClockForward(-ms);
    return true;
  },
});

const vanish = (name: string, tag: string, how: "gone" | "changed"): Mishap => ({
  name,
  happen(world) {
    const { target } = world.at();
    const before = target.refusals;
    for (const component of ["api", "web", "jobs"]) target.spoil(builtDigest(tag, component), how);
    return world.clock.sleep(2 * minute).then(() => target.refusals > before);
  },
});

/** People who may not, and what they try. */
export const badVotes: readonly Mishap[] = [
  person("vote of its starter", (world, id) => world.approve(id, "kim")),
  person("vote of a stranger", (world, id) => world.approve(id, "mallory")),
  person("vote for another plan", (world, id) => world.vote(id, "bob", { planDigest: "another" })),
  person("vote with a forged proof", (world, id) => world.vote(id, "eve", { comment: "forged" })),
];

const processes: readonly Mishap[] = [
  { name: "process killed", happen: kill, hinders: false },
  {
    name: "taken over while it lives",
    hinders: false,
    async happen(world, id) {
      if (!(await isOpen(world, id))) return false;
      world.takeOver(id);
      return true;
    },
  },
  {
    name: "taken over with calls under way",
    async happen(world, id) {
      const slow = outage(world, "networkSlow", second);
      await world.clock.sleep(1.2 * second);
      if (await isOpen(world, id)) world.takeOver(id);
      return slow;
    },
  },
  {
    name: "killed with calls under way",
    async happen(world, id) {
      const slow = outage(world, "networkSlow", second);
      await world.clock.sleep(0.9 * second);
      kill(world, id);
      return slow;
    },
  },
  pause("paused past its lease, then woken", 8 * second),
  pause("paused for half a minute", 30 * second),
  pause("paused within its lease", 2 * second),
];

const people: readonly Mishap[] = [
  person("cancelled", (world, id) => world.cancel(id)),
  person("cancelled", (world, id) => world.cancel(id)),
  person("approved once more", (world, id) => world.approve(id, "bob")),
  person("promoted by hand", (world, id) => world.promote(id)),
  {
    name: "lock released by hand",
    async happen(world, id) {
      const lock = await world.ledger.lock("production");
      if (lock?.deploymentId !== id) return false;
      await world.ledger.forceUnlock("production", "ada", "in a hurry");
      return true;
    },
  },
  {
    name: "a migration nobody planned",
    hinders: false,
    async happen(world, id) {
      // What is applied already, or about to be, was looked at before.
      const isLate = world.acts.some(
        ({ what, executorId }) => what === "apply" && world.deploymentOf(executorId) === id,
      );
      if (isLate || !(await isOpen(world, id))) return false;
      world.smuggle({ id: `666_smuggled_${Math.round(world.clock.now())}`, sql: "DROP TABLE orders" });
      return true;
    },
  },
];

const routers: readonly Mishap[] = [
  outageOf("router down 4 s", "routerDown", 4 * second),
  outageOf("router down 40 s", "routerDown", 40 * second),
  outageOf("router answers 503 and 429", "routerThrottles", 6 * second),
  outageOf("router says yes and does nothing", "routerIgnores", 8 * second),
  outageOf("router pretends to have the weights asked for", "routerPretends", 8 * second),
  outageOf("router shows the weights of before", "routerShowsOld", 8 * second),
  { name: "router reload loses weights", happen: (world) => edit(world, (_, at) => (at === 0 ? 100 : 0)) },
  { name: "weights edited behind our back", happen: (world) => edit(world, (_, at) => (at === 0 ? 20 : 80)) },
];

const targets: readonly Mishap[] = [
  outageOf("target down 4 s", "targetDown", 4 * second),
  outageOf("target down 40 s", "targetDown", 40 * second),
  outageOf("target answers 503 and 429", "targetThrottles", 6 * second),
  outageOf("calls made twice", "callsTwice", 15 * second),
  outageOf("network slow", "networkSlow", 10 * second),
  outageOf("health check lies", "healthLies", 5 * second),
  {
    name: "candidate dies while it serves",
    happen: (world, _id, chance) => die(world, among(chance, ["api", "web"]), "candidate"),
  },
  {
    name: "stable dies while it serves",
    happen: (world, _id, chance) => die(world, among(chance, ["api", "web"]), "stable"),
  },
  {
    name: "target forgets whom it obeyed",
    happen(world) {
      world.at().target.forget();
      return true;
    },
  },
  vanish("artifact gone", "v1.1.0", "gone"),
  vanish("artifact changed", "v1.1.0", "changed"),
];

const ledgers: readonly Mishap[] = [
  outageOf("ledger away", "ledgerAway", 20 * second),
  outageOf("ledger's answers lost", "ledgerAnswersLost", 1.5 * second),
  outageOf("channel down", "channelDown", minute),
  outageOf("channel hangs", "channelHangs", minute),
  outageOf("disk full under the records", "recordsFolderDown", minute),
  outageOf("records' writes fail now and then", "recordsWriteErrors", minute),
  outageOf("disk full under the backups", "storeFull", 20 * second),
  outageOf("backup damaged as it was stored", "storeSpoils", 20 * second),
  outageOf("another backup under its name", "storeMixesUp", 20 * second),
  {
    name: spoiltInStore,
    happen(world) {
      const { objects } = world.backups;
      const proven = world.acts.filter(({ what }) => what === "putManifest").length;
      if (proven < 2) return false;
      for (const [key, bytes] of objects) objects.set(key, bytes.subarray(1));
      return true;
    },
  },
  outageOf("checkpoints away", "checkpointsAway", minute),
  jump("clock an hour ahead", hour, null),
  jump("clock an hour ahead for 20 s", hour, 20 * second),
  jump("clock an hour back for 20 s", -hour, 20 * second),
];

const rooms: readonly (readonly Mishap[])[] = [processes, processes, people, routers, targets, ledgers];

/** Only where they are aimed at. */
const aimed: readonly Mishap[] = [outageOf("router says yes and does nothing for 40 s", "routerIgnores", 40 * second)];

export const chooseMishap = (chance: Chance): Mishap => among(chance, among(chance, rooms));

export function mishapNamed(name: string): Mishap {
  const found = [...rooms.flat(), ...aimed].find((mishap) => mishap.name === name);
  if (!found) throw new Error(`no mishap is called ${name}`);
  return found;
}
