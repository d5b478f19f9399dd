/** A real PostgreSQL for one test file, in a folder of its own that another account can reach. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedPostgres } from "./embedded-postgres/open.ts";

export interface TestDatabase {
  readonly url: string;
  readonly stateFolder: string;
  readonly remove: () => Promise<void>;
}

export async function testDatabase(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  chmodSync(folder, 0o755);
  const stateFolder = join(folder, ".sluice");
  const server = await openEmbeddedPostgres({ stateFolder });
  return {
    url: server.url,
    stateFolder,
    async remove() {
      // A test may have killed it and started another one.
      await server.release();
      await (await openEmbeddedPostgres({ stateFolder })).stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
