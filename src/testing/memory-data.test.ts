/** The in-memory data adapters pass the suites of the real ones, or a simulation with them would prove nothing. */
import { describe, expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import { backupStoreContract } from "./backup-store-contract.ts";
import { databaseContract } from "./database-contract.ts";
import { memoryBackupStore } from "./memory-backup-store.ts";
import { memoryDatabase } from "./memory-database.ts";
import { memoryMigrator } from "./memory-migrator.ts";

const signal = new AbortController().signal;

backupStoreContract("memory", async () => ({ store: memoryBackupStore(), dispose: async () => {} }));

databaseContract("memory", async () => {
  const database = memoryDatabase({ name: "shop", tables: { users: 5_000, events: 1 } });
  let places = 0;
  return {
    database,
    insertRow: async () => {
      const live = database.databases.get("shop");
      live?.set("users", (live.get("users") ?? 0) + 1);
    },
    newPlace: () => `restored-${++places}`,
    livePlace: "shop",
    factsAt: async (place) => {
      const tables = database.databases.get(place);
      return tables && memoryDatabase({ name: place, tables: Object.fromEntries(tables) }).facts(signal);
    },
    dispose: async () => {},
  };
});

describe("in-memory data adapters", () => {
  test("Z5 a fault can be put into every operation of a database", async () => {
    const broken = memoryDatabase({
      fault: (operation) => {
        if (operation === "dump.bytes") throw new Error("killed half-way");
      },
    });
    const dump = await broken.dump(signal);

    const reading = (async () => {
      for await (const _ of dump.bytes);
    })();

    await expect(reading).rejects.toThrow("killed half-way");
  });

  test("Z5 a full store refuses what does not fit", async () => {
    const store = memoryBackupStore({ capacityBytes: 3 });
    async function* four() {
      yield Buffer.alloc(4);
    }

    await expect(store.put("a.dump", four(), signal)).rejects.toMatchObject({ failure: { code: "DISK_FULL" } });

    expect(await store.freeBytes(signal)).toBe(3);
  });

  test("M2 a migrator applies what is pending once, and stops at a failure", async () => {
    let broken = true;
    const migrator = memoryMigrator({
      byTree: { "/v2": [{ id: "1" }, { id: "2" }] },
      fault: ({ id }) => {
        if (id === "2" && broken) throw new Error("a lock was held");
      },
    });

    const failure = await migrator.apply("/v2", () => {}, signal).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SluiceError);
    expect(await migrator.pending("/v2", signal)).toEqual([{ id: "2" }]);
    broken = false;
    await migrator.apply("/v2", () => {}, signal);

    expect(migrator.appliedIds).toEqual(["1", "2"]);
    expect(await migrator.pending("/v1", signal)).toEqual([]);
  });
});
