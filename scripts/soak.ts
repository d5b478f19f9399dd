/**
 * `npm run simulate:soak -- --seeds N [--from S] [--workers 1|2]`: the random walk of test/scenarios/walk.ts for N seeds, in
 * processes of their own. Progress on stderr, the figures on stdout; ends with 1 at the first violation, with its seed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { walk } from "../test/scenarios/walk.ts";

interface Line {
  readonly seed: number;
  readonly outcome?: string;
  readonly faults?: Readonly<Record<string, number>>;
  readonly violation?: { readonly invariant: string; readonly message: string };
}

/** Seeds per process: a fresh one now and then keeps whatever a walk leaves behind from adding up. */
const sliceSize = 250;
/** A walk takes some 30 ms; one that says nothing for so long goes round in circles. */
const hangsAfterMs = 30_000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
    walk: { type: "boolean", default: false },
  },
});

function wholeNumber(name: "seeds" | "from" | "workers", most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  console.error(`--${name} is a whole number from 1${most < 10 ? ` to ${most}` : ""}, not ${values[name]}.`);
  process.exit(2);
}

/** The child's side: one line of JSON a seed; ends at the first violation. */
async function walkAll(from: number, count: number): Promise<void> {
  for (let seed = from; seed < from + count; seed++) {
    const line: Line = await walk(seed).catch((thrown: Error & { readonly invariant?: string }) => ({
      seed,
      violation: { invariant: thrown.invariant ?? "it ends", message: thrown.message },
    }));
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (line.violation) return;
  }
}

interface Tally {
  seeds: number;
  readonly outcomes: Map<string, number>;
  readonly faults: Map<string, number>;
  violation: Required<Pick<Line, "seed" | "violation">> | undefined;
}

const add = (counts: Map<string, number>, name: string, n: number) => counts.set(name, (counts.get(name) ?? 0) + n);

function note(tally: Tally, line: Line): void {
  if (line.violation) tally.violation ??= { seed: line.seed, violation: line.violation };
  tally.seeds++;
  if (line.outcome) add(tally.outcomes, line.outcome, 1);
  for (const [fault, n] of Object.entries(line.faults ?? {})) add(tally.faults, fault, n);
}

/** One process for one slice of seeds. Its death or silence before the end of the slice is a violation of the seed it was at. */
async function runSlice(from: number, count: number, tally: Tally, children: Set<ChildProcess>): Promise<void> {
  const argv = [fileURLToPath(import.meta.url), "--walk", "--from", String(from), "--seeds", String(count)];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let next = from;
  let silent: NodeJS.Timeout | undefined;
  let hung = false;
  let said = "";
  const watch = () => {
    clearTimeout(silent);
    silent = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, hangsAfterMs);
  };
  watch();
  child.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  const ended = new Promise<void>((done) => child.on("close", () => done()));
  for await (const text of createInterface({ input: child.stdout })) {
    watch();
    const line = JSON.parse(text) as Line;
    next = line.seed + 1;
    note(tally, line);
  }
  await ended;
  clearTimeout(silent);
  children.delete(child);
  if (next >= from + count || tally.violation) return;
  const message = hung ? `nothing happened for ${hangsAfterMs / 1_000} s` : `the process died: ${said.trim()}`;
  note(tally, { seed: next, violation: { invariant: "it ends", message } });
}

async function soak(from: number, count: number, workers: number): Promise<Tally> {
  const tally: Tally = { seeds: 0, outcomes: new Map(), faults: new Map(), violation: undefined };
  const children = new Set<ChildProcess>();
  const startedAtMs = performance.now();
  let next = from;
  const worker = async () => {
    while (next < from + count && !tally.violation) {
      const first = next;
      const size = Math.min(sliceSize, from + count - first, Math.ceil(count / workers));
      next += size;
      await runSlice(first, size, tally, children);
      if (tally.violation) for (const child of children) child.kill("SIGKILL");
      const perSecond = (1_000 * tally.seeds) / (performance.now() - startedAtMs);
      process.stderr.write(`${tally.seeds} of ${count} seeds, ${perSecond.toFixed(1)} per second\n`);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return tally;
}

const counted = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, n]) => `  ${String(n).padStart(8)}  ${name}`)
    .join("\n");

function report(tally: Tally, tookMs: number): void {
  const { seeds, violation } = tally;
  const perSecond = (1_000 * seeds) / tookMs;
  console.log(
    `${seeds} seeds in ${(tookMs / 1_000).toFixed(1)} s: ${perSecond.toFixed(1)} per second, ${Math.round(60 * perSecond)} per minute`,
  );
  const faults = [...tally.faults.values()].reduce((sum, n) => sum + n, 0);
  console.log(`\n${faults} faults of ${tally.faults.size} types\n${counted(tally.faults)}`);
  console.log(`\noutcomes\n${counted(tally.outcomes)}`);
  console.log(`\nviolations: ${violation ? `1, of "${violation.violation.invariant}"` : 0}`);
  if (!violation) return;
  console.log(`seed ${violation.seed}: ${violation.violation.message}`);
  console.log(`See it again: npm run simulate:soak -- --seeds 1 --from ${violation.seed}`);
}

const from = wholeNumber("from");
const seeds = wholeNumber("seeds");
if (values.walk) await walkAll(from, seeds);
else {
  const startedAtMs = performance.now();
  const tally = await soak(from, seeds, wholeNumber("workers", 2));
  report(tally, performance.now() - startedAtMs);
  process.exitCode = tally.violation ? 1 : 0;
}
