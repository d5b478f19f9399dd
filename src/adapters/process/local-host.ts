/** This machine's vital signs (F4). */
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, freemem, hostname, loadavg, totalmem } from "node:os";
import { dirname } from "node:path";
import type { Host } from "../../ports/host.ts";

export function localHost(): Host {
  return {
    name: hostname(),
    async facts(folder) {
      const disk = await diskOf(folder);
      return {
        name: hostname(),
        freeDiskBytes: disk.bavail * disk.bsize,
        freeMemoryBytes: await availableMemoryBytes(),
        totalMemoryBytes: totalmem(),
        loadPerCpu: (loadavg()[0] ?? 0) / availableParallelism(),
      };
    },
  };
}

/** Of the folder, or of the nearest one above it that exists: it may be made only later. */
async function diskOf(folder: string): Promise<{ readonly bavail: number; readonly bsize: number }> {
  try {
    return await statfs(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(folder) === folder) throw error;
    return diskOf(dirname(folder));
  }
}

/** What new processes can get. `freemem` leaves out the page cache, which the kernel gives back at once. */
async function availableMemoryBytes(): Promise<number> {
  const table = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(table)?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}
