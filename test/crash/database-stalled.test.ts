/** A network between Sluice and its database that drops everything without a word: nothing waits for ever, and it goes on afterwards. */
import { connect, createServer, type Socket } from "node:net";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { serverBinaries, startTestServer, type TestServer } from "../../src/adapters/postgres/test-server.ts";
import { postgresLedger } from "../../src/engine/ledger/postgres-ledger.ts";
import { limitQueries } from "../../src/engine/patient-client.ts";

const binaries = await serverBinaries();
if (binaries === undefined) console.warn("skipped: a stalled database needs PostgreSQL (postgresql)");

let server: TestServer;
let network: Awaited<ReturnType<typeof droppingNetwork>>;

beforeAll(async () => {
  if (binaries === undefined) return;
  server = await startTestServer(binaries);
  network = await droppingNetwork(Number(new URL(server.urlOf("postgres").reveal()).port));
});

afterEach(() => network?.mend());

afterAll(async () => {
  network?.close();
  await server?.stop();
});

const url = (): string =>
  server
    .urlOf("postgres")
    .reveal()
    .replace(/:\d+\//, `:${network.port}/`);

describe.skipIf(binaries === undefined)("Z1 a network that drops everything", () => {
  test.for(["promise", "callback"] as const)(
    "Z1 a query that gets no answer ends (%s), and the next one has a connection of its own",
    async (style) => {
      const pool = new pg.Pool({ connectionString: url(), max: 1, connectionTimeoutMillis: 2_000 });
      pool.on("error", () => undefined);
      limitQueries(pool, 300);
      const client = await pool.connect();
      client.on("error", () => undefined);
      await client.query("select 1");
      network.drop();

      const thrown = await (style === "promise"
        ? client.query("select 2").catch((error: unknown) => error)
        : new Promise((resolve) => client.query("select 2", (error: unknown) => resolve(error))));
      client.release(true);
      network.mend();

      expect(thrown).toMatchObject({ code: "ETIMEDOUT" });
      expect((await pool.query("select 3 as three")).rows).toEqual([{ three: 3 }]);
      await pool.end();
    },
  );

  test("Z1 the ledger says LEDGER_UNREACHABLE in time, and the same ledger works when the network is back", {
    timeout: 120_000,
  }, async () => {
    const ledger = await postgresLedger({ url: url() });
    await ledger.now();
    network.drop();

    const beganMs = performance.now();
    const thrown = await ledger.now().catch((error: unknown) => error);
    const tookMs = performance.now() - beganMs;
    const again = await ledger.now().catch((error: unknown) => error);
    network.mend();

    expect(thrown).toMatchObject({ failure: { code: "LEDGER_UNREACHABLE" } });
    expect(again, "no new connection either").toMatchObject({ failure: { code: "LEDGER_UNREACHABLE" } });
    expect(tookMs).toBeLessThan(30_000);
    expect(await ledger.now()).toBeGreaterThan(0);
    await ledger.close();
  });
});

/** Carries bytes both ways until it is told to drop: then it takes them and says nothing, on old connections and on new ones. */
async function droppingNetwork(targetPort: number) {
  const sockets = new Set<Socket>();
  let dropping = false;
  const carry = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on("data", (bytes) => void (dropping || to.write(bytes)));
    from.on("error", () => undefined).on("close", () => void (dropping || to.destroy()));
  };
  const front = createServer((near) => {
    const far = connect(targetPort, "127.0.0.1");
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((listening) => front.listen(0, "127.0.0.1", listening));
  const address = front.address();
  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    drop() {
      dropping = true;
    },
    /** What was dropped stays lost: connections of the time before are of no use any more. */
    mend() {
      if (dropping) cutAll();
      dropping = false;
    },
    close() {
      cutAll();
      front.close();
    },
  };
}
