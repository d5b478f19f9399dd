/** The load on the shop while it is deployed: starts the generator, and reads what it has written so far. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Children, stopChild } from "../../shared/children.ts";
import { countsBetween, failed, type LoadCounts, type LoadLine, noCounts, readLoad } from "../load-record.ts";

export interface Load {
  readonly begun: boolean;
  /** As soon as `address` answers well, sends `requestsPerSecond` to it. */
  beginWhen(address: string, signal: AbortSignal): Promise<void>;
  /** Of the seconds that began in [fromMs, toMs). */
  between(fromMs: number, toMs: number): Promise<LoadCounts>;
  /** The last whole second. */
  lately(): Promise<{ readonly requestsPerSecond: number; readonly failed: number }>;
  /** Lets what is under way finish; gives the rate over the whole time. */
  end(): Promise<number>;
}

export const requestsPerSecond = 220;

export function loadFor(file: string, folder: string, children: Children): Load {
  let generator: ReturnType<Children["startNode"]> | undefined;
  const lines = async (): Promise<readonly LoadLine[]> => (generator ? readLoad(file).catch(() => []) : []);
  return {
    get begun() {
      return generator !== undefined;
    },
    async beginWhen(address, signal) {
      while (!(await answers(address))) {
        if (signal.aborted) return;
        await pause(50);
      }
      const argv = [join(import.meta.dirname, "../load.ts"), "--url", address, "--out", file];
      const onLine = (line: string) => console.error(`load: ${line}`);
      generator = children.startNode([...argv, "--rate", String(requestsPerSecond)], {
        environment: {},
        folder,
        onLine,
      });
    },
    between: async (fromMs, toMs) => countsBetween(await lines(), fromMs, toMs),
    async lately() {
      const seconds = (await lines()).filter((line) => line.type === "second");
      const last = seconds.at(-1);
      const all = seconds.reduce((sum, second) => sum + failed(second), 0);
      return { requestsPerSecond: (last ?? noCounts()).sent, failed: all };
    },
    async end() {
      if (generator) await stopChild(generator, "SIGTERM", 8_000);
      const summary = (await lines()).find((line) => line.type === "summary");
      return summary?.requestsPerSecond ?? 0;
    },
  };
}

async function answers(address: string): Promise<boolean> {
  try {
    const { ok } = await fetch(`${address}/api/health`, { signal: AbortSignal.timeout(2_000) });
    return ok;
  } catch {
    return false;
  }
}
