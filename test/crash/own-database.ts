/** A PostgreSQL of the user's own, durable as in production, that a test may kill with -9 and start again at the same address. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "../../src/testing/router-world.ts";
import { eventually, signal } from "../e2e/processes.ts";

export interface OwnDatabase {
  readonly url: string;
  /** Of the postmaster now. */
  readonly pid: number;
  /** kill -9 of the postmaster; resolves when the address refuses. Its children end by themselves. */
  kill(): Promise<void>;
  /** Starts it again on its data, as an init system would: until it accepts connections. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const nobody = 65_534;

/** @param binFolder of the system's PostgreSQL. */
export async function ownDatabase(binFolder: string): Promise<OwnDatabase> {
  const account = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const folder = mkdtempSync(join(tmpdir(), "own-database-"));
  chmodSync(folder, 0o700);
  if (account.uid !== undefined) chownSync(folder, nobody, nobody);
  const data = join(folder, "data");
  execFileSync(join(binFolder, "initdb"), ["-D", data, "-U", "owner", "--auth=trust", "--locale=C.UTF-8"], {
    ...account,
    cwd: folder,
    stdio: "ignore",
  });
  const port = await freePort();
  const url = `postgresql://owner@127.0.0.1:${port}/postgres`;
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`];
  let server: ChildProcess;
  const begin = () => {
    server = spawn(join(binFolder, "postgres"), ["-D", data, ...settings.flatMap((one) => ["-c", one])], {
      ...account,
      cwd: folder,
      stdio: "ignore",
    });
  };
  const restart = async () => {
    await eventually(
      "the database accepts connections",
      async () => {
        // Children of the one before may hold its memory for a moment; then a start ends at once.
        if (server === undefined || server.exitCode !== null || server.signalCode !== null) begin();
        return answers(url);
      },
      30_000,
    );
  };
  begin();
  await restart();
  return {
    url,
    get pid() {
      return server.pid ?? 0;
    },
    async kill() {
      const gone = once(server, "exit");
      server.kill("SIGKILL");
      await gone;
    },
    restart,
    async stop() {
      if (server.exitCode === null && server.signalCode === null) {
        const gone = once(server, "exit");
        server.kill("SIGINT");
        await gone;
      } else signal(Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]), "SIGINT");
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
