/** Requests per second of the built-in router and of HAProxy, before the same backend and in the same run. */
import { execFile, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import type { Endpoint } from "../src/domain/traffic.ts";
import { ask, freePort, wallClock } from "../src/testing/router-world.ts";

const run = promisify(execFile);
const clients = 20;
const rounds = 3;
const throughputSeconds = 1;

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Undefined: no promise is made. */
  readonly limit?: number;
}

const missing = (tool: string, ...args: string[]): Promise<boolean> =>
  run(tool, args).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );

/** Requests per second at full speed, by wrk where it is installed. */
async function throughput(url: string, byWrk: boolean): Promise<number> {
  if (!byWrk) return throughputByNode(url);
  const { stdout } = await run("wrk", ["-t1", `-c${clients}`, `-d${throughputSeconds}s`, url]);
  const bad = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(stdout);
  if (bad !== null) throw new Error(`${url}: ${bad[0]}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function throughputByNode(url: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const untilMs = performance.now() + throughputSeconds * 1000;
  let done = 0;
  const client = async () => {
    while (performance.now() < untilMs) {
      if ((await ask(url, "/", agent)).status !== 200) throw new Error(`${url}: not 200`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return done / throughputSeconds;
}

/** HAProxy with one thread, as the built-in router has one, before the same backend. */
async function withHaproxy(folder: string, backend: Endpoint, work: (url: string) => Promise<void>): Promise<void> {
  const port = await freePort();
  const config = join(folder, "haproxy.cfg");
  await writeFile(
    config,
    `global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend bench
  bind 127.0.0.1:${port}
  default_backend served
backend served
  server candidate ${backend.host}:${backend.port}
`,
  );
  const child = spawn("haproxy", ["-db", "-f", config], { stdio: "ignore" });
  try {
    await answering(`http://127.0.0.1:${port}`);
    await work(`http://127.0.0.1:${port}`);
  } finally {
    child.kill();
  }
}

async function answering(url: string): Promise<void> {
  const untilMs = performance.now() + 5000;
  while (performance.now() < untilMs) {
    const up = await new Promise<boolean>((resolve) => {
      const request = httpRequest(url, { agent: false }, (response) => resolve(response.resume().statusCode === 200));
      request.on("error", () => resolve(false)).end();
    });
    if (up) return;
    await wallClock.sleep(20);
  }
  throw new Error(`${url} does not answer`);
}

/** In turn, so that both meet the same machine. */
export async function fullSpeed(folder: string, direct: Endpoint, routed: string): Promise<Figure[]> {
  const byWrk = !(await missing("wrk", "-v"));
  if (!byWrk) console.warn("note: wrk is not installed; a Node client is used, which is itself the limit");
  if (await missing("haproxy", "-v")) {
    console.warn("SKIPPED: the comparison with HAProxy needs haproxy (apt-get install haproxy)");
    return [{ what: oursIs, value: await throughput(routed, byWrk), unit: "req/s" }];
  }
  const [ours, theirs]: [number[], number[]] = [[], []];
  await withHaproxy(folder, direct, async (url) => {
    for (let round = 0; round < rounds; round++) {
      ours.push(await throughput(routed, byWrk));
      theirs.push(await throughput(url, byWrk));
    }
  });
  return [
    { what: oursIs, value: mean(ours), unit: "req/s" },
    { what: "HAProxy with one thread, same backend", value: mean(theirs), unit: "req/s" },
    { what: "router / HAProxy", value: mean(ours) / mean(theirs), unit: "" },
  ];
}

const oursIs = `router, ${clients} connections`;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
