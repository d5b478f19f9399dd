/**
 * The verdict in the real pipeline: process target, built-in router, the database that Sluice brings, real workers, and 500 requests
 * a second from clients in their own process, against releases that really fail; the same pipeline with other rules beside it.
 * `node bench/verdict-live.ts [--only <row>,…] [--runs N] [--history <seconds>] [--json]`; twelve to fifteen minutes, three projects side
 * by side. `--runs` replaces the number of runs of those rows that have several. Exit code 1 where a goal was missed.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { openLane } from "./verdict-live/lane.ts";
import type { Measured } from "./verdict-live/measured.ts";
import { lanes, type Row, requestsPerSecond } from "./verdict-live/rows.ts";
import { figuresOf, settingsWords, storyOf, tableOf } from "./verdict-live/told.ts";
import { report } from "./whole-process.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    runs: { type: "string" },
    history: { type: "string", default: "90" },
  },
});
const names = lanes.flat().map(({ name }) => name);
const only = values.only?.split(",") ?? names;
const runs = values.runs === undefined ? undefined : Number(values.runs);
const historySeconds = Number(values.history);
const strange = only.filter((name) => !names.includes(name));
if (strange.length > 0 || !(runs === undefined || (Number.isSafeInteger(runs) && runs > 0)) || !(historySeconds >= 0)) {
  console.error(`--only is some of ${names.join(",")}; --runs a whole number from 1 on, --history seconds`);
  process.exit(2);
}

const say = (line: string): void => {
  if (!values.json) console.error(line);
};

async function runLane(rows: readonly Row[], signal: AbortSignal): Promise<readonly Measured[]> {
  if (rows.length === 0) return [];
  const lane = await openLane(historySeconds * 1000, signal);
  const done: Measured[] = [];
  try {
    const openedMs = Date.now();
    for (const row of rows) {
      for (let run = 0; run < (row.runs > 1 ? (runs ?? row.runs) : 1); run++) {
        const measured = await unlessAborted(lane.run(row), signal);
        done.push(measured);
        say(storyOf(measured));
      }
    }
    const { requests, lost, p99Ms } = await lane.load.seen(openedMs, Date.now());
    const perSecond = (1000 * requests) / (Date.now() - openedMs);
    const rate = `${perSecond.toFixed(0)} requests a second answered, ${lost} by nobody, p99 ${p99Ms.toFixed(0)} ms`;
    say(`(${rows[0]?.name} and what followed: ${rate})`);
  } finally {
    await lane.stop();
  }
  return done;
}

/** A deployment may take a quarter of an hour: who interrupts does not wait for it, and stopping the lane ends it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort(new Error("interrupted")));

say(settingsWords(requestsPerSecond, historySeconds));
say(`load of the machine at the start: ${loadavg()[0]?.toFixed(1)}\n`);
const wanted = lanes.map((rows) => rows.filter(({ name }) => only.includes(name)));
// One that failed ends the others, and each ends what it started.
const ending = await Promise.allSettled(
  wanted.map((rows) =>
    runLane(rows, interrupted.signal).catch((thrown: unknown) => {
      interrupted.abort(thrown);
      throw thrown;
    }),
  ),
);
const failed = ending.find((lane) => lane.status === "rejected");
if (failed) throw failed.reason;
const all = ending.flatMap((lane) => (lane.status === "fulfilled" ? lane.value : []));
say(`\nload of the machine at the end: ${loadavg()[0]?.toFixed(1)}\n`);
if (!values.json) console.log(tableOf(wanted.flat(), all));
report("verdict-live", figuresOf(all), values.json);
