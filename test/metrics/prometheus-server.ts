/** A real Prometheus of a test's own, which scrapes exporters of the test's own. It is stopped by its pid with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { closedPort, httpServer, type LocalServer } from "../../src/testing/local-servers.ts";
import { until } from "../../src/testing/real-clock.ts";

export interface Exporter extends AsyncDisposable {
  readonly port: number;
  /** What it shows from now on, in the text format; undefined: it answers 503, as a process that hangs. */
  show(text: string | undefined): void;
}

export async function exporter(text: string): Promise<Exporter> {
  let shown: string | undefined = text;
  const server = await httpServer((_, response) => {
    if (shown === undefined) response.writeHead(503).end();
    else response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(`${shown}\n`);
  });
  return {
    port: server.port,
    show: (next) => {
      shown = next;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Undefined where Prometheus is not installed. */
export const prometheusProgram = (): string | undefined =>
  `${process.env.PATH ?? ""}${delimiter}/usr/bin`
    .split(delimiter)
    .map((folder) => join(folder, "prometheus"))
    .find((file) => existsSync(file));

export interface Job {
  readonly name: string;
  readonly scrapeInterval: string;
  readonly exporters: readonly Exporter[];
}

/** Ready once every exporter was scraped. */
export async function startPrometheus(program: string, jobs: readonly Job[]): Promise<LocalServer> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-prometheus-"));
  const port = await closedPort();
  const url = `http://127.0.0.1:${port}`;
  await writeFile(join(folder, "prometheus.yml"), configuration(jobs));
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { cwd: folder, stdio: ["ignore", "ignore", "inherit"] },
  );
  const targets = jobs.reduce((sum, job) => sum + job.exporters.length, 0);
  const stop = () => ended(child).then(() => rm(folder, { recursive: true, force: true }));
  try {
    await until(async () => (await upCount(url)) === targets, "Prometheus has scraped every exporter", 30_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, url, [Symbol.asyncDispose]: stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

async function upCount(url: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/query?query=count(up==1)`).catch(() => undefined);
  if (!answer?.ok) return 0;
  const { data } = (await answer.json()) as { data: { result: readonly { value: readonly [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 0);
}

const configuration = (jobs: readonly Job[]): string =>
  JSON.stringify({
    scrape_configs: jobs.map(({ name, scrapeInterval, exporters }) => ({
      job_name: name,
      scrape_interval: scrapeInterval,
      scrape_timeout: scrapeInterval,
      static_configs: [{ targets: exporters.map(({ port }) => `127.0.0.1:${port}`) }],
    })),
  });
