/**
 * The journal's format is the sequence of the pipeline's steps: a deployment under way is continued by replaying it, so a
 * program with another sequence needs another applicationVersion. The sequences of some whole deployments are committed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { applicationVersion } from "../../src/app/other-versions.ts";
import { checkActionsOf } from "../../src/domain/checks.ts";
import { pass } from "../../src/domain/verdict.ts";
import { inWorld } from "./in-world.ts";
import type { World, WorldOptions } from "./world.ts";
import { minute } from "./world-settings.ts";

interface Format {
  readonly applicationVersion: string;
  readonly sequences: { readonly [story: string]: readonly string[] };
}

const file = "journal-format.json";
const update = "npx vitest run test/scenarios/journal-format.test.ts -u";

/** With what one deployment touches its journal, in order: the beginnings of its steps and waits, and its looks at the clock. */
async function journalOf(
  story: (world: World) => Promise<string>,
  more: WorldOptions = {},
): Promise<readonly string[]> {
  const touched: string[] = [];
  const world = inWorld({
    releases: { "v1.0.0": {}, "v1.1.0": {}, "v1.2.0": {}, "v1.1.1": { errorRate: 0.6 } },
    ...more,
    onJournalCall: (_n, what) => {
      touched.push(what);
      return "go";
    },
  });
  const id = await story(world);
  await world.ended(id);
  return touched
    .filter((what) => what.startsWith(`${id} `) && !/ (record|received|start)$/.test(what))
    .map((what) => what.slice(id.length + 1).replace(/ begin$/, ""));
}

const afterTheFirst =
  (story: (world: World) => Promise<string>) =>
  async (world: World): Promise<string> => {
    await world.deploy("v1.0.0");
    return story(world);
  };

async function waiting(world: World): Promise<string> {
  const id = await world.begin("v1.1.0", { approvals: 1 });
  await world.untilTold(id, /^waiting for 1 more approval/);
  return id;
}

const stories: { readonly [name: string]: () => Promise<readonly string[]> } = {
  "the first deployment, built beside its migrations": () =>
    journalOf((world) => world.begin("v1.0.0"), { settings: { build: "with-migrations" } }),
  "healthy, approved, after a wait, watched on": () =>
    journalOf(
      afterTheFirst(async (world) => {
        const id = await waiting(world);
        await world.approve(id, "bob");
        return id;
      }),
      { settings: { approvals: { waitMs: minute }, observation: { extendedMs: minute } } },
    ),
  "where CI must have passed": () =>
    journalOf((world) => world.begin("v1.0.0"), {
      ci: () => pass,
      settings: { checks: checkActionsOf("standard", { ci: "block" }) },
    }),
  "rolled back": () => journalOf(afterTheFirst((world) => world.begin("v1.1.1"))),
  "rolled back by hand": () =>
    journalOf(
      afterTheFirst(async (world) => {
        await world.deploy("v1.1.0");
        return world.beginRollback();
      }),
    ),
  "cancelled in the middle of its rollout": () =>
    journalOf(
      afterTheFirst(async (world) => {
        const id = await world.begin("v1.1.0");
        await world.untilTold(id, /^5 % on/);
        await world.cancel(id);
        return id;
      }),
    ),
  "superseded while it waited": () =>
    journalOf(
      afterTheFirst(async (world) => {
        const id = await waiting(world);
        await world.begin("v1.2.0");
        return id;
      }),
    ),
};

async function sequencesNow(): Promise<Format["sequences"]> {
  const named = Object.entries(stories).map(async ([name, run]) => [name, await run()] as const);
  return Object.fromEntries(await Promise.all(named));
}

/** In words, of the first deployment whose sequence is another one. */
function difference(committed: Format["sequences"], now: Format["sequences"]): string {
  for (const [story, sequence] of Object.entries(now)) {
    const before = committed[story] ?? [];
    const at = sequence.findIndex((what, n) => what !== before[n]);
    if (at >= 0) return `${story}: place ${at} is "${sequence[at]}", was "${before[at] ?? "nothing"}"`;
    if (before.length > sequence.length) return `${story}: "${before[sequence.length]}" is gone`;
  }
  return `the deployments that are looked at have changed: ${Object.keys(now).join(", ")}`;
}

test("Z1 the journal's format does not change without the applicationVersion being raised", async () => {
  const committed = JSON.parse(readFileSync(join(import.meta.dirname, file), "utf8")) as Format;
  const sequences = await sequencesNow();

  const isSafe =
    isDeepStrictEqual(committed.sequences, sequences) || committed.applicationVersion !== applicationVersion;
  expect(
    isSafe,
    `The steps of the pipeline have changed (${difference(committed.sequences, sequences)}). A deployment under way could not ` +
      `be continued after an upgrade. Either keep the sequence, or raise applicationVersion in src/app/other-versions.ts ` +
      `(now "${applicationVersion}"), so that such deployments are named and left to the version that began them, then: ${update}`,
  ).toBe(true);
  const text = `${JSON.stringify({ applicationVersion, sequences }, null, 2)}\n`;
  await expect(text, `To commit the new format: ${update}`).toMatchFileSnapshot(file);
});
