/** The part of the database contract about swaps: what was restored becomes the live one, and the one before is kept. */
import { expect } from "vitest";
import type { Database, DatabaseFacts } from "../ports/database.ts";

interface SwapWorld {
  readonly database: Database;
  readonly insertRow: () => Promise<void>;
  readonly livePlace: string;
  readonly factsAt: (place: string) => Promise<DatabaseFacts | undefined>;
}

type InWorld = (title: string, body: (world: SwapWorld) => Promise<void>) => void;

const untilTheEnd = (): AbortSignal => new AbortController().signal;

export function dataSwapContract(inWorld: InWorld): void {
  inWorld("B7 a restored database takes the live one's name, and the one before is kept beside it", async (world) => {
    const { database, factsAt, insertRow, livePlace } = world;
    if (database.cannotSwap !== undefined) return refused(world);
    const dump = await database.dump(untilTheEnd());
    const [restored, kept] = [database.beside("restored"), database.beside("before")];
    await database.restore(dump.format, dump.bytes, restored, untilTheEnd());
    await insertRow();
    const written = await database.facts(untilTheEnd());

    await database.swapIn(restored, kept, untilTheEnd());

    const plain = (tables: readonly { readonly name: string; readonly rows: number }[] | undefined) =>
      tables?.filter(({ name }) => name !== "(schema)").map(({ name, rows }) => ({ name, rows }));
    expect(plain((await database.facts(untilTheEnd())).tables)).toEqual(plain(dump.facts.tables));
    expect(plain((await factsAt(kept))?.tables)).toEqual(plain(written.tables));
    expect(await factsAt(restored)).toBeUndefined();
    expect((await factsAt(livePlace))?.tables).toHaveLength(written.tables.length);
  });

  inWorld(
    "B7 a swap that was cut off is cleared away before, and known afterwards; what is live and kept stays",
    async (world) => {
      const { database, factsAt, insertRow } = world;
      if (database.settleSwap === undefined) return;
      const dump = await database.dump(untilTheEnd());
      const [restored, kept] = [database.beside("restored"), database.beside("before")];
      await database.restore(dump.format, dump.bytes, restored, untilTheEnd());
      await insertRow();
      const written = await database.facts(untilTheEnd());

      const cleared = await database.settleSwap(restored, kept, untilTheEnd());
      const left = await factsAt(restored);
      const again = await database.dump(untilTheEnd());
      await database.restore(again.format, again.bytes, restored, untilTheEnd());
      await database.swapIn(restored, kept, untilTheEnd());
      const standing = await database.settleSwap(restored, kept, untilTheEnd());

      expect([cleared, left, standing]).toEqual(["nothing", undefined, "swapped"]);
      const plain = (tables: readonly { readonly name: string; readonly rows: number }[] | undefined) =>
        tables?.filter(({ name }) => name !== "(schema)").map(({ name, rows }) => ({ name, rows }));
      for (const facts of [await database.facts(untilTheEnd()), await factsAt(kept)]) {
        expect(plain(facts?.tables)).toEqual(plain(written.tables));
      }
    },
  );

  inWorld("B7 a swap with what is not there changes nothing", async (world) => {
    const { database } = world;
    const before = await database.facts(untilTheEnd());

    const swapping = database.swapIn(database.beside("nowhere"), database.beside("before"), untilTheEnd());

    await expect(swapping).rejects.toMatchObject({ failure: { code: "RESTORE_FAILED" } });
    expect((await database.facts(untilTheEnd())).tables).toEqual(before.tables);
    expect(await world.factsAt(database.beside("before"))).toBeUndefined();
  });
}

/** One that cannot do it says so and changes nothing. */
async function refused({ database, factsAt }: SwapWorld): Promise<void> {
  const before = await database.facts(untilTheEnd());

  const swapping = database.swapIn(database.beside("restored"), database.beside("before"), untilTheEnd());

  await expect(swapping).rejects.toMatchObject({ failure: { code: "RESTORE_FAILED" } });
  await expect(swapping).rejects.toThrow(database.cannotSwap);
  expect((await database.facts(untilTheEnd())).tables).toEqual(before.tables);
  expect(await factsAt(database.beside("before"))).toBeUndefined();
}
