/** The data lock across processes: the server frees what a killed one held, and a lost connection ends what was under way. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realClock } from "../../testing/real-clock.ts";
import { postgresDatabase } from "./database.ts";
import { serverBinaries, startTestServer, type TestServer } from "./test-server.ts";

const binFolder = await serverBinaries();
if (binFolder === undefined) console.warn("SKIPPED: the data lock of PostgreSQL, because no `postgres` is installed.");

const untilTheEnd = new AbortController().signal;
const claim = (holder: string, waitMs: number) => ({
  holder,
  waitMs,
  clock: realClock(),
  onWait: async () => undefined,
});

describe.skipIf(binFolder === undefined)("the data lock of PostgreSQL", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(binFolder!);
  });
  afterAll(() => server.stop());
  const open = () => postgresDatabase({ name: "shop", url: server.urlOf("postgres") });

  test("B6 a holder killed by -9 in another process frees the lock", { timeout: 120_000 }, async () => {
    const script = `
      const { postgresDatabase } = await import(process.argv[1]);
      const { realClock } = await import(process.argv[2]);
      const { Secret } = await import(process.argv[3]);
      const database = postgresDatabase({ name: "shop", url: new Secret("DATABASE_URL", process.env.URL_OF_TEST) });
      const claim = { holder: "backup, doomed", waitMs: 0, clock: realClock(), onWait: async () => undefined };
      await database.exclusively(claim, new AbortController().signal, async () => {
        console.log("held");
        await new Promise(() => setInterval(() => undefined, 1000));
      });`;
    const modules = ["./database.ts", "../../testing/real-clock.ts", "../../domain/secret.ts"];
    const paths = modules.map((path) => new URL(path, import.meta.url).href);
    const doomed = spawn(process.execPath, ["--input-type=module", "-e", script, ...paths], {
      env: { ...process.env, URL_OF_TEST: server.urlOf("postgres").reveal() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(doomed.stdout, "data");
    const refused = await open()
      .exclusively(claim("migration, next", 0), untilTheEnd, async () => "in")
      .catch((error: unknown) => error);
    doomed.kill("SIGKILL");
    await once(doomed, "close");

    const taken = await open().exclusively(claim("migration, next", 10_000), untilTheEnd, async () => "in");

    expect(refused).toMatchObject({ failure: { code: "DATABASE_BUSY" } });
    expect((refused as Error).message).toContain("backup, doomed");
    expect((refused as Error).message).not.toContain(server.password);
    expect(taken).toBe("in");
  });

  test("B6 a lock whose connection is cut ends what was done under it", async () => {
    const ended = await open()
      .exclusively(claim("backup, cut off", 0), untilTheEnd, async (signal) => {
        const over = once(signal, "abort");
        await server.run(
          "postgres",
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice: backup, cut off'",
        );
        await over;
        signal.throwIfAborted();
      })
      .catch((error: unknown) => error);

    expect(ended).toMatchObject({ failure: { code: "DATABASE_UNREACHABLE" } });
  });

  test("B6 an index that is built concurrently under the lock is not held up by those who wait", async () => {
    await server.run("postgres", "CREATE TABLE waited (id integer)");
    const waiting = Promise.withResolvers<void>();
    const stop = new AbortController();

    const next = await open().exclusively(claim("migration, builds", 0), untilTheEnd, async () => {
      const claimNext = { ...claim("backup, waits", 20_000), onWait: async () => waiting.resolve() };
      const waits = open().exclusively(claimNext, stop.signal, async () => "then");
      await waiting.promise;
      await server.run("postgres", "CREATE INDEX CONCURRENTLY ON waited (id)");
      return { waits };
    });

    expect(await next.waits).toBe("then");
  });
});
