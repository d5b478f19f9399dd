/**
 * Where the ledger and the journal live: the database that the configuration names, else the PostgreSQL that Sluice
 * brings along. The rest of the program sees a URL and nothing more.
 */
import { openEmbeddedPostgres, stopEmbeddedPostgresIfIdle } from "./embedded-postgres/open.ts";

export interface LedgerDatabase {
  readonly url: string;
  /** Sluice's own PostgreSQL, on this machine's disk. */
  readonly embedded: boolean;
  /** At the process's end, when its connections are closed: stops an embedded database that nobody else uses. */
  close(): Promise<void>;
}

/** @param options.stateFolder absolute; used only where there is no `url`. */
export async function openLedgerDatabase(options: {
  readonly url?: string | undefined;
  readonly stateFolder: string;
}): Promise<LedgerDatabase> {
  if (options.url !== undefined) return { url: options.url, embedded: false, close: async () => undefined };
  const server = await openEmbeddedPostgres({ stateFolder: options.stateFolder });
  return {
    url: server.url,
    embedded: true,
    async close() {
      await server.release();
      await stopEmbeddedPostgresIfIdle(options.stateFolder);
    },
  };
}
