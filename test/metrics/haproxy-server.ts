/** A real HAProxy of a test's own before servers of the test's own; a request says by a header which server it is for. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { closedPort } from "../../src/testing/local-servers.ts";
import { until } from "../../src/testing/real-clock.ts";

/** Undefined where HAProxy is not installed. Debian keeps it outside a user's PATH. */
export const haproxyProgram = (): string | undefined =>
  `${process.env.PATH ?? ""}${delimiter}/usr/sbin`
    .split(delimiter)
    .map((folder) => join(folder, "haproxy"))
    .find((file) => existsSync(file));

export interface TestHaproxy extends AsyncDisposable {
  readonly socket: string;
  /** Status of the answer. */
  ask(server: string, path: string): Promise<number>;
  /** A new process takes the old one's place, as `systemctl reload` does. */
  reload(): Promise<void>;
}

export async function startHaproxy(program: string, servers: Readonly<Record<string, number>>): Promise<TestHaproxy> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-haproxy-"));
  const socket = join(folder, "runtime.sock");
  const port = await closedPort();
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, configuration(socket, port, servers));
  const ask = async (server: string, path: string): Promise<number> => {
    const headers = { "x-server": server, connection: "close" };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  const start = async (previous?: ChildProcess): Promise<ChildProcess> => {
    const over = previous?.pid === undefined ? [] : ["-sf", String(previous.pid)];
    const child = spawn(program, ["-f", file, "-db", ...over], { cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
    if (previous) await ended(previous);
    const name = Object.keys(servers)[0] ?? "";
    await until(
      () =>
        ask(name, "/ready").then(
          () => true,
          () => false,
        ),
      "HAProxy answers",
    );
    return child;
  };
  let running = await start();
  return {
    socket,
    ask,
    reload: async () => {
      running = await start(running);
    },
    async [Symbol.asyncDispose]() {
      running.kill("SIGTERM");
      await ended(running);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

const configuration = (socket: string, port: number, servers: Readonly<Record<string, number>>): string => `global
  stats socket unix@${socket} mode 600 level user
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend front
  bind 127.0.0.1:${port}
  default_backend shop
backend shop
${Object.keys(servers)
  .map((name) => `  use-server ${name} if { req.hdr(x-server) ${name} }`)
  .join("\n")}
${Object.entries(servers)
  .map(([name, at]) => `  server ${name} 127.0.0.1:${at}`)
  .join("\n")}
`;
