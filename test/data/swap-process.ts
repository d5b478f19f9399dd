/** A restore by swap in a process of its own, which is killed at the point that it was told; for a test that then runs the command again. */
import pg from "pg";
import { planSwap, restoreBySwap } from "../../src/app/restore-swap.ts";
import { Secret } from "../../src/domain/secret.ts";
import { postgresLedger } from "../../src/engine/ledger/postgres-ledger.ts";
import type { Database } from "../../src/ports/database.ts";
import { backupWorld } from "./backup-world.ts";

const { URL_OF = "", DATABASE = "", FOLDER = "", POINT = "" } = process.env;
const urlOf = (name: string) => new Secret("DATABASE_URL", URL_OF.replace("{database}", name));
const signal = new AbortController().signal;
const die = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("A killed process went on.");
};

/** Half of it arrives, then the process is gone, and its pg_restore with half an archive. */
async function* half(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    yield chunk.subarray(0, chunk.byteLength >> 1);
    await new Promise((resolve) => setImmediate(resolve));
    die();
  }
}

function dying(database: Database): Database {
  return {
    ...database,
    restore: (format, bytes, into, until) =>
      database.restore(format, POINT === "restoring" ? half(bytes) : bytes, into, until),
    async swapIn(restored, kept, until) {
      if (POINT === "before the first rename") die();
      if (POINT === "between the renames") {
        // Whoever is connected to the copy makes the second rename wait; the test sees that and kills this process meanwhile.
        await new pg.Client({ connectionString: urlOf(restored).reveal() }).connect();
      }
      await database.swapIn(restored, kept, until);
      if (POINT === "after both, before it is recorded") die();
    },
  };
}

const ledger = await postgresLedger({ url: urlOf("ledger").reveal() });
const world = await backupWorld({ server: { urlOf }, database: DATABASE, folder: FOLDER });
const parts = { ...world.parts, ledger, databases: [dying(world.database)] };
const [manifest] = await world.store.list(signal);
if (manifest === undefined) throw new Error("There is no backup.");
await restoreBySwap(parts, await planSwap(parts, manifest, signal), "ada", { signal, tell: () => undefined });
await ledger.close();
