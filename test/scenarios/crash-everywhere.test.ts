/** Z1: the orchestrator may be killed at any instant; every touch of the journal is an instant. */
import { describe, expect, test } from "vitest";
import type { Fate } from "../../src/engine/simulated/world.ts";
import { quick } from "./quick.ts";
import { scenarioWorld, type World } from "./world.ts";
import { minute } from "./world-settings.ts";
import type { Releases } from "./world-sources.ts";

interface Story {
  readonly name: string;
  readonly releases: Releases;
  /** What people do while it runs. */
  readonly people?: (world: World, id: string) => Promise<void>;
  readonly outcome: string;
  readonly serves: string;
  readonly applied: readonly string[];
}

const adds = { id: "001_add", sql: "ALTER TABLE orders ADD COLUMN note text" };
const first = { "v1.0.0": {} };

const stories: readonly Story[] = [
  {
    name: "a healthy release",
    releases: { ...first, "v1.1.0": { migrations: [adds] } },
    outcome: "succeeded",
    serves: "v1.1.0",
    applied: ["001_add"],
  },
  {
    name: "a faulty release",
    releases: { ...first, "v1.1.0": { errorRate: 0.5, migrations: [adds] } },
    outcome: "rolled-back",
    serves: "v1.0.0",
    applied: ["001_add"],
  },
  {
    name: "a cancelled release",
    releases: { ...first, "v1.1.0": { migrations: [adds] } },
    people: async (world, id) => {
      await world.untilTold(id, /^50 % on/);
      await world.cancel(id);
    },
    outcome: "cancelled",
    serves: "v1.0.0",
    applied: ["001_add"],
  },
];

/** A heartbeat: what the one before was doing then may still come to its end, refused by the fence. */
const learnsWithinMs = 1_100;

interface Death {
  readonly atCall: number;
  readonly how: "die-before" | "die-after" | "taken over alive";
}

interface Ending {
  readonly calls: number;
  readonly what: string;
  readonly seen: object;
}

async function tell(story: Story, death?: Death): Promise<Ending> {
  let armed = false;
  let calls = 0;
  let what = "";
  let overlap = () => {};
  const onJournalCall = (_n: number, call: string): Fate => {
    if (!armed) return "go";
    calls++;
    if (calls !== death?.atCall) return "go";
    what = call;
    if (death.how !== "taken over alive") return death.how;
    overlap();
    return "go";
  };
  const world = scenarioWorld({
    releases: story.releases,
    settings: quick,
    requestsPerSecond: 20,
    supervised: true,
    onJournalCall,
  });
  try {
    await world.deploy("v1.0.0");
    armed = true;
    const began = world.acts.length;
    let takenOverAtMs = Number.POSITIVE_INFINITY;
    overlap = () => {
      armed = false;
      takenOverAtMs = world.clock.now();
      // The next process takes the deployment over while this one still goes on.
      void world.clock.sleep(1).then(() => world.takeOver(id));
    };
    const id = await world.begin("v1.1.0");
    const old = world.processes.at(-1)?.executorId;
    void story.people?.(world, id).catch(() => undefined);
    const { outcome, record } = await world.ended(id);
    // Whatever was left armed would go off by now.
    await world.clock.sleep(minute);
    const { target, lost, weights, running } = world.at();
    const spawned = target.effects.filter(({ effect }) => effect === "spawned");
    const instances = spawned.map(({ component, revision, index }) => `${component} ${revision} ${index}`);
    const tooLate = takenOverAtMs + learnsWithinMs;
    return {
      calls,
      what,
      seen: {
        outcome,
        recorded: record.outcome,
        weights: [await weights("api"), await weights("web")],
        running: (await running()).toSorted(),
        spawnedTwice: instances.filter((name, n) => instances.indexOf(name) !== n),
        applied: [...world.applied],
        lock: await world.ledger.lock("production"),
        lost,
        doneTooLate: world.acts.slice(began).filter(({ executorId, atMs }) => executorId === old && atMs > tooLate),
      },
    };
  } finally {
    world.dispose();
  }
}

const expected = ({ outcome, serves, applied }: Story): object => ({
  outcome,
  recorded: outcome,
  weights: [[`${serves} 100 %`], [`${serves} 100 %`]],
  running: [`api ${serves}`, `api ${serves}`, `jobs ${serves}`, `web ${serves}`],
  spawnedTwice: [],
  applied,
  lock: undefined,
  lost: [],
  doneTooLate: [],
});

describe.each(stories)("Z1 $name", (story) => {
  test("ends as it should when nobody dies", async () => {
    const { seen } = await tell(story);

    expect(seen).toEqual(expected(story));
  });

  test.each(["die-before", "die-after", "taken over alive"] as const)(
    "ends the same wherever the orchestrator is killed: %s",
    async (how) => {
      const { calls } = await tell(story);
      expect(calls).toBeGreaterThan(30);

      for (let atCall = 1; atCall <= calls; atCall++) {
        const { what, seen } = await tell(story, { atCall, how });
        expect(seen, `${how} at journal call ${atCall} (${what})`).toEqual(expected(story));
      }
    },
    60_000,
  );
});
