/**
 * One backup with its whole proof in a process of its own, as the environment names it: what it took, how much memory, and the
 * processor time of this process and of the tools it started. One JSON object on stdout.
 */
import { readFileSync } from "node:fs";
import { ageSeal } from "../src/adapters/age/backup-seal.ts";
import { postgresDatabase } from "../src/adapters/postgres/database.ts";
import { Secret } from "../src/domain/secret.ts";
import { backupWorld } from "../test/data/backup-world.ts";

export interface BackupMeasured {
  /** Counting and hashing what the snapshot holds, before the dump. */
  readonly factsMs: number;
  readonly dumpMs: number;
  readonly dumpCpuSeconds: number;
  readonly proofMs: number;
  readonly restoreMs: number;
  readonly level: string;
  readonly databaseBytes: number;
  readonly storedBytes: number;
  readonly peakBytes: number;
}

/** Of this process and of those it waited for: Linux counts both in hundredths of a second. */
function cpuSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / 100;
}

async function main(): Promise<void> {
  const { BENCH_URL: url = "", BENCH_DATABASE: database = "", BENCH_RECIPIENT: recipient } = process.env;
  const urlOf = (name: string) => new Secret("DATABASE_URL", url.replace("{database}", name));
  const real = postgresDatabase({ name: "shop", url: urlOf(database) });
  const at = { began: 0, dumped: 0, stored: 0, cpuBefore: 0, cpuAfter: 0 };
  const timed = {
    ...real,
    dump: async (signal: AbortSignal) => {
      at.began = performance.now();
      const dump = await real.dump(signal);
      at.dumped = performance.now();
      at.cpuBefore = cpuSeconds();
      return dump;
    },
  };
  const world = await backupWorld({
    server: { urlOf },
    database,
    parts: {
      databases: [timed],
      ...(recipient ? { seal: ageSeal({ recipients: [recipient], identity: () => null }) } : {}),
    },
    afterPut: async () => {
      at.stored = performance.now();
      at.cpuAfter = cpuSeconds();
    },
  });
  try {
    const { level, proof, source, sizeBytes } = await world.take();
    const measured: BackupMeasured = {
      factsMs: at.dumped - at.began,
      dumpMs: at.stored - at.dumped,
      dumpCpuSeconds: at.cpuAfter - at.cpuBefore,
      proofMs: proof?.tookMs ?? 0,
      restoreMs: proof?.checks.find(({ check }) => check === "restored")?.tookMs ?? 0,
      level,
      databaseBytes: source.sizeBytes ?? 0,
      storedBytes: sizeBytes,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    };
    console.log(JSON.stringify(measured));
  } finally {
    await world.dispose();
  }
}

await main();
