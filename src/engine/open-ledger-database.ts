/**
 * Where the ledger and the journal live: the database that the configuration names, else the PostgreSQL that Sluice
 * brings along. The rest of the program sees a URL and nothing more.
 */
import { openEmbeddedPostgres, stopEmbeddedPostgresIfIdle } from "./embedded-postgres/open.ts";

export interface LedgerDatabase {
  readonly url: string;
  /** Sluice's own PostgreSQL, on this machine's disk. */
  readonly embedded: boolean;
  /** Starts an embedded database again where it died; the URL stays. A few milliseconds where it runs. */
  ensure(): Promise<void>;
  /** At the process's end, when its connections are closed: stops an embedded database that nobody else uses. */
  close(): Promise<void>;
}

/** @param options.stateFolder absolute; used only where there is no `url`, or an empty one, as a workflow gives for a secret that is not there. */
export async function openLedgerDatabase(options: {
  readonly url?: string | undefined;
  readonly stateFolder: string;
}): Promise<LedgerDatabase> {
  const { url, stateFolder } = options;
  const nothing = async () => undefined;
  if (url) return { url, embedded: false, ensure: nothing, close: nothing };
  let server = await openEmbeddedPostgres({ stateFolder });
  return {
    url: server.url,
    embedded: true,
    async ensure() {
      const before = server;
      server = await openEmbeddedPostgres({ stateFolder });
      await before.release();
    },
    async close() {
      await server.release();
      await stopEmbeddedPostgresIfIdle(stateFolder);
    },
  };
}
