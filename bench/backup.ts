/**
 * What a proven backup costs: pgbench tables with foreign keys, JSON events under a GIN index and 200 large objects on a
 * PostgreSQL of its own; the copied recipe `pg_dump | gzip -6` beside our dump in the same run; the whole proof as a multiple of
 * the dump; peak memory of Sluice's process at an eighth of the size and at all of it.
 * `node bench/backup.ts [--json] [--megabytes 1600] [--runs 3]`; about ten minutes. Exit code 1 where a promised limit was not kept.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { execa } from "execa";
import { serverBinaries, startTestServer, type TestServer } from "../src/adapters/postgres/test-server.ts";
import type { BackupMeasured } from "./backup-process.ts";
import type { Figure } from "./router-throughput.ts";
import { median, report } from "./whole-process.ts";

const megabytePerScale = 15;
const kilobytePerEvent = 0.62;
const largeObjects = 200;
/** The recovery times that people promise, in minutes (B11). */
const recoveryMinutes = [5, 15, 30] as const;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    megabytes: { type: "string", default: "1600" },
    runs: { type: "string", default: "3" },
  },
});

const environmentOf = (server: TestServer, database: string): Record<string, string> => {
  const url = new URL(server.urlOf(database).reveal());
  return {
    PATH: process.env.PATH ?? "",
    PGHOST: url.hostname,
    PGPORT: url.port,
    PGUSER: url.username,
    PGDATABASE: database,
    PGPASSWORD: server.password,
  };
};

async function generate(server: TestServer, database: string, megabytes: number): Promise<void> {
  await server.run("postgres", `CREATE DATABASE ${database}`);
  const scale = Math.max(1, Math.round((megabytes * 0.6) / megabytePerScale));
  await execa(join(server.binFolder, "pgbench"), ["-i", "-q", "--foreign-keys", "-s", String(scale)], {
    env: environmentOf(server, database),
  });
  const events = Math.round((megabytes * 0.38 * 1_000) / kilobytePerEvent);
  await server.run(
    database,
    `CREATE TABLE events (id bigserial PRIMARY KEY, account int REFERENCES pgbench_accounts, doc jsonb NOT NULL)`,
  );
  await server.run(
    database,
    `INSERT INTO events (account, doc)
     SELECT 1 + n % 1000, jsonb_build_object('kind', 'k' || n % 17, 'at', n, 'tags', jsonb_build_array('t' || n % 101, 't' || n % 13),
       'note', md5(n::text) || md5((n * 7)::text) || md5((n * 13)::text) || md5((n * 31)::text))
     FROM generate_series(1, ${events}) n`,
  );
  await server.run(database, "CREATE INDEX ON events USING gin (doc)");
  const bytes = Math.max(1_000, Math.round((megabytes * 20_000) / largeObjects));
  await server.run(
    database,
    `SELECT lo_from_bytea(0, decode(repeat(md5(n::text), ${Math.ceil(bytes / 16)}), 'hex')) FROM generate_series(1, ${largeObjects}) n`,
  );
  await server.run(database, "VACUUM ANALYZE");
}

/** The recipe that everybody copies: wall time, and the processor time of both ends. */
async function recipe(server: TestServer, database: string, folder: string) {
  const script = `set -o pipefail; "$1" | gzip -6 > "$2"; cat /proc/$$/stat`;
  const beganAt = performance.now();
  const { stdout } = await execa(
    "bash",
    ["-c", script, "recipe", join(server.binFolder, "pg_dump"), join(folder, "recipe.gz")],
    {
      env: environmentOf(server, database),
    },
  );
  const tookMs = performance.now() - beganAt;
  const fields = stdout.split(") ")[1]?.split(" ") ?? [];
  return { tookMs, cpuSeconds: (Number(fields[13]) + Number(fields[14])) / 100 };
}

async function ours(server: TestServer, database: string, recipient?: string): Promise<BackupMeasured> {
  // As the command begins.
  const beginning = ["--import", join(import.meta.dirname, "../src/cli/young-generation.ts")];
  const { stdout } = await execa(process.execPath, [...beginning, join(import.meta.dirname, "backup-process.ts")], {
    env: {
      BENCH_URL: server.urlOf("{database}").reveal(),
      BENCH_DATABASE: database,
      ...(recipient === undefined ? {} : { BENCH_RECIPIENT: recipient }),
    },
    stderr: "inherit",
  });
  return JSON.parse(stdout);
}

interface Round {
  readonly recipe: Awaited<ReturnType<typeof recipe>>;
  readonly plain: BackupMeasured;
  readonly encrypted: BackupMeasured;
}

async function measure(server: TestServer, folder: string, megabytes: number, runs: number) {
  await generate(server, "small", megabytes / 8);
  await generate(server, "large", megabytes);
  const recipient = await identityToRecipient(await generateX25519Identity());
  const small = await ours(server, "small", recipient);
  const rounds: Round[] = [];
  // Interleaved: what else the machine does meets all of them alike.
  for (let run = 0; run < runs; run++) {
    rounds.push({
      recipe: await recipe(server, "large", folder),
      plain: await ours(server, "large"),
      encrypted: await ours(server, "large", recipient),
    });
  }
  return { small, rounds };
}

function figuresOf(small: BackupMeasured, rounds: readonly Round[]): readonly Figure[] {
  const over = (value: (round: Round) => number) => median(rounds.map(value));
  const largest = Math.max(...rounds.flatMap(({ plain, encrypted }) => [plain.peakBytes, encrypted.peakBytes]));
  const databaseBytes = rounds[0]?.plain.databaseBytes ?? 0;
  const restoreRate = over(({ plain }) => plain.databaseBytes / 1e6 / (plain.restoreMs / 1000));
  const equal = rounds.every(({ plain, encrypted }) => plain.level === "equal" && encrypted.level === "equal");
  return [
    { what: "database", value: databaseBytes / 1e6, unit: "MB" },
    { what: "pg_dump | gzip -6, wall", value: over(({ recipe: { tookMs } }) => tookMs / 1000), unit: "s" },
    {
      what: "pg_dump | gzip -6, processor time of the client",
      value: over((round) => round.recipe.cpuSeconds),
      unit: "s",
    },
    {
      what: "dump, wall, as a share of it",
      value: over(({ plain, recipe: { tookMs } }) => plain.dumpMs / tookMs),
      unit: "x",
      limit: 0.65,
    },
    {
      what: "dump, processor time of the client, as a share of it",
      value: over((round) => round.plain.dumpCpuSeconds / round.recipe.cpuSeconds),
      unit: "x",
      limit: 0.4,
    },
    {
      what: "the same encrypted, wall",
      value: over((round) => round.encrypted.dumpMs / round.recipe.tookMs),
      unit: "x",
    },
    {
      what: "the same encrypted, processor time",
      value: over((round) => round.encrypted.dumpCpuSeconds / round.recipe.cpuSeconds),
      unit: "x",
    },
    { what: "rows counted and hashed before the dump", value: over(({ plain }) => plain.factsMs / 1000), unit: "s" },
    {
      what: "whole proof, as a multiple of the dump",
      value: over(({ plain }) => plain.proofMs / plain.dumpMs),
      unit: "x",
      limit: 8,
    },
    { what: "backups that were not proven equal", value: equal ? 0 : 1, unit: "", limit: 0 },
    { what: "peak memory of Sluice, small database", value: small.peakBytes / 1e6, unit: "MB", limit: 170 },
    { what: "peak memory of Sluice, large database", value: largest / 1e6, unit: "MB", limit: 170 },
    { what: "restored per second", value: restoreRate, unit: "MB" },
    ...recoveryMinutes.map((minutes) => ({
      what: `largest database restored within ${minutes} min, by this rate`,
      value: (restoreRate * minutes * 60) / 1000,
      unit: "GB",
    })),
  ];
}

async function main(): Promise<void> {
  const binFolder = await serverBinaries();
  if (binFolder === undefined) throw new Error("PostgreSQL is not installed (package postgresql).");
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-backup-"));
  const server = await startTestServer(binFolder);
  try {
    const { small, rounds } = await measure(server, folder, Number(values.megabytes), Number(values.runs));
    report("backup", figuresOf(small, rounds), values.json);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
