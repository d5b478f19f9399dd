/** The parent's side of the clients' process (verdict-live-load.ts): start, ask, stop. Times are milliseconds since the epoch. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Requests that were due in `[fromMs, toMs]` and have been answered; with `version`, those that it answered. */
export interface Asked {
  readonly id: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly version?: string;
}

export interface Seen {
  readonly requests: number;
  /** Answered with 500 or more, or not at all. */
  readonly failed: number;
  /** Of these, without an answer of any version. */
  readonly lost: number;
  /** Time of the slowest hundredth, counted from when each was due: shows whether this machine kept up. */
  readonly p99Ms: number;
  /** When the first and the last of them were due; infinite where there is none. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Told {
  readonly id: number;
  readonly seen: Seen;
}

export interface Load {
  seen(fromMs: number, toMs: number, version?: string): Promise<Seen>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL("../verdict-live-load.ts", import.meta.url));

export function startLoad(port: number, perSecond: number): Load {
  const child = fork(program, [String(port), String(perSecond)], { serialization: "advanced" });
  const waiting = new Map<number, (seen: Seen) => void>();
  let asked = 0;
  child.on("message", (message) => {
    const { id, seen } = message as Told;
    waiting.get(id)?.(seen);
    waiting.delete(id);
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    seen(fromMs, toMs, version) {
      const id = asked++;
      return new Promise((resolve, reject) => {
        waiting.set(id, resolve);
        const question: Asked = { id, fromMs, toMs, ...(version !== undefined && { version }) };
        child.send(question, (error) => error && reject(error));
      });
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}
