/** PostgreSQL's grammar in threads of its own, with a limit of time and memory. */
import { Worker } from "node:worker_threads";
import type { StatementsReading } from "../../domain/migrations/sql-tree.ts";
import type { SqlGrammar } from "../../ports/sql-grammar.ts";
import { type Parsed, parseStatements } from "./parse.ts";

export interface PostgresGrammarOptions {
  /** For one text. */
  readonly timeoutMs?: number;
}

const entry = new URL(`./reader-process${import.meta.url.slice(-3)}`, import.meta.url);
/** The longest text of the densest kind that was found (a list of numbers) takes 300 MB. */
const heapMegabytes = 1_024;

export function postgresGrammar({ timeoutMs = 20_000 }: PostgresGrammarOptions = {}): SqlGrammar {
  return {
    async read(texts, signal) {
      const readings: StatementsReading[] = [];
      // A thread reads until a text damages it; another one goes on behind that text.
      while (readings.length < texts.length) {
        signal.throwIfAborted();
        readings.push(...(await readInThread(texts.slice(readings.length), timeoutMs, signal)));
      }
      return readings;
    },
  };
}

/** Without a thread, for a simulated world whose time must not pass meanwhile and whose texts are its own. */
export async function grammarAtHand(): Promise<SqlGrammar> {
  const library = await import("libpg-query");
  await library.loadModule();
  return { read: async (texts) => texts.map((text) => parseStatements(text, library).reading) };
}

/** At least one reading: the text at which a thread ends unexpectedly is a fault. */
async function readInThread(
  texts: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly StatementsReading[]> {
  const readings: StatementsReading[] = [];
  const thread = new Worker(entry, {
    workerData: texts,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    env: {},
  });
  try {
    const fault = await answersOf(thread, texts.length, readings, timeoutMs, signal);
    if (fault !== undefined) readings.push({ kind: "fault", fault });
    return readings;
  } finally {
    await thread.terminate();
  }
}

/** Resolves when all texts are answered, or with the fault of the text that is not. */
function answersOf(
  thread: Worker,
  expected: number,
  readings: StatementsReading[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const stopped = () => reject(signal.reason);
  signal.addEventListener("abort", stopped, { once: true });
  let limit = AbortSignal.timeout(timeoutMs);
  const late = () => resolve(`reading it takes longer than ${timeoutMs} ms`);
  const watch = () => {
    limit.removeEventListener("abort", late);
    limit = AbortSignal.timeout(timeoutMs);
    limit.addEventListener("abort", late, { once: true });
  };
  watch();
  thread.on("message", ({ reading, damaged }: Parsed) => {
    readings.push(reading);
    if (damaged || readings.length === expected) resolve(undefined);
    else watch();
  });
  thread.on("error", (error) => resolve(`reading it failed: ${error.message}`));
  thread.on("exit", () => resolve("reading it ended the thread that read it"));
  return promise.finally(() => {
    limit.removeEventListener("abort", late);
    signal.removeEventListener("abort", stopped);
  });
}
