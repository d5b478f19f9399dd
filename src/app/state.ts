/** The project's ledger, opened: the database the user named (SLUICE_DATABASE_URL), else the one that comes along. */
import { recordedLocation } from "../engine/embedded-postgres/location.ts";
import { troubleOfLedger } from "../engine/embedded-postgres/start-trouble.ts";
import { postgresLedger } from "../engine/ledger/postgres-ledger.ts";
import { openLedgerDatabase } from "../engine/open-ledger-database.ts";
import type { Ledger } from "../ports/ledger.ts";

export interface State {
  readonly url: string;
  readonly embedded: boolean;
  readonly ledger: Ledger;
  /** Starts the ledger's own database again where it died. */
  revive(): Promise<void>;
  close(): Promise<void>;
}

export interface StateLocation {
  readonly url: string | undefined;
  /** Absolute. */
  readonly stateFolder: string;
}

export async function openState(location: StateLocation): Promise<State> {
  const database = await openLedgerDatabase(location);
  const ledger = await postgresLedger({ url: database.url }).catch(async (thrown: unknown) => {
    // What was started for a ledger that cannot be opened would never be stopped.
    await database.close();
    const own = database.embedded ? recordedLocation(location.stateFolder) : undefined;
    throw own === undefined ? thrown : troubleOfLedger(thrown, own.dataFolder);
  });
  return {
    url: database.url,
    embedded: database.embedded,
    ledger,
    revive: () => database.ensure(),
    async close() {
      await ledger.close();
      await database.close();
    },
  };
}
