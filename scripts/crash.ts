/**
 * `npm run crash -- --all`: SIGKILL at every kill point of real deployments, a takeover, and what the world shows afterwards.
 * Progress on stderr, the table on stdout; ends with 1 where a row is bad, with the command that repeats it.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { type KillPlace, openKillPlace } from "../test/crash/kill-place.ts";
import { type KillRow, resumeLimitMs } from "../test/crash/kill-run.ts";
import { enumerate, type KillPoint, sampleOf, walk, walkNames } from "../test/crash/kill-walk.ts";

const { values } = parseArgs({
  options: {
    all: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    only: { type: "string" },
    point: { type: "string" },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    by: { type: "string", default: "standby" },
    workers: { type: "string", default: "2" },
  },
});

function usage(why: string): never {
  console.error(`${why}
npm run crash -- --all                        every point
npm run crash -- --only ${walkNames.join("|")}    some of them, separated by commas
npm run crash -- --point '<name or number>'   one; --list names and numbers them
npm run crash -- --all --sample 100 --seed 7  some, in an order that the seed decides
Add --by standby|resume for who goes on, a running "sluice standby" or a typed "sluice resume", and --workers 1|2 for the number of projects that are walked side by side.`);
  process.exit(2);
}

/** A point's name begins with its walk, so that one point needs no look at the others. */
function walksWanted(): readonly string[] {
  const { only, point = "" } = values;
  const named = walkNames.find((name) => point.startsWith(`${name}:`));
  if (named !== undefined) return [point.includes("fsync") ? "fsync" : named];
  const wanted = only?.split(",") ?? walkNames;
  const unknown = wanted.find((name) => !walkNames.includes(name));
  if (unknown !== undefined) usage(`There is no walk ${unknown}.`);
  return wanted;
}

function pointsWanted(all: readonly KillPoint[]): readonly KillPoint[] {
  const { point, sample } = values;
  if (sample !== undefined) return sampleOf(all, Number(sample), Number(values.seed));
  if (point === undefined) return all;
  return all.filter(({ name }, at) => name === point || String(at + 1) === point);
}

const effectsOf = (row: KillRow): string =>
  `starts ${row.starts}, backups ${row.backups}, migrations ${row.migrations}, router ${row.weights}, told ${row.told.join(" ")}`;

const resumedIn = ({ resumedMs }: KillRow): string =>
  resumedMs === undefined ? "had ended" : `${Math.round(resumedMs)} ms`;

const isLate = ({ resumedMs = 0 }: KillRow): boolean => resumedMs > resumeLimitMs;

function lineOf(row: KillRow): string {
  const verdict = row.faults.length > 0 ? "BAD " : isLate(row) ? "LATE" : "ok  ";
  return [
    verdict,
    resumedIn(row).padStart(9),
    row.outcome.padEnd(11),
    `${row.scenario}: ${row.point}`.padEnd(72),
    effectsOf(row),
  ].join("  ");
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;

/** Returns the number of rows that are bad or late. */
function report(rows: readonly KillRow[], planned: number, tookMs: number): number {
  console.log(rows.map(lineOf).join("\n"));
  const bad = rows.filter(({ faults }) => faults.length > 0);
  const late = rows.filter((row) => row.faults.length === 0 && isLate(row));
  const resumes = rows.flatMap(({ resumedMs }) => resumedMs ?? []).sort((a, b) => a - b);
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  const [p50, p99, most] = [percentile(resumes, 0.5), percentile(resumes, 0.99), resumes.at(-1) ?? 0].map(Math.round);
  console.log(`
${rows.length} points${rows.length < planned ? ` of ${planned}, stopped early,` : ""} in ${Math.round(tookMs / 1_000)} s, ${rows.length - bad.length - late.length} good, ${bad.length} bad, ${late.length} late; ${requests} requests meanwhile
resumed in: p50 ${p50} ms, p99 ${p99} ms, most ${most} ms (limit ${resumeLimitMs} ms), ${rows.length - resumes.length} had ended`);
  for (const { scenario, point, faults } of bad) {
    console.log(
      `\nBAD ${scenario}: ${point}\n  ${faults.join("\n  ")}\n  again: npm run crash -- --point '${scenario}: ${point}'`,
    );
  }
  return bad.length + late.length;
}

interface Wanted {
  readonly workers: number;
  readonly standby: boolean;
}

function wanted(): Wanted {
  const workers = Number(values.workers);
  if (workers !== 1 && workers !== 2) usage("--workers is 1 or 2.");
  if (values.by !== "standby" && values.by !== "resume") usage("--by is standby or resume.");
  if (!values.all && !values.list && values.only === undefined && values.point === undefined) usage("Which points?");
  return { workers, standby: values.by === "standby" };
}

/** Opens places for the walk and walks; SIGINT and SIGTERM end it after the points that are under way. */
async function walkAll(points: readonly KillPoint[], first: KillPlace, { workers, standby }: Wanted): Promise<number> {
  const startedAtMs = performance.now();
  process.stderr.write(`${points.length} points\n`);
  const places = points.length > 1 && workers === 2 ? [first, await openKillPlace({ standby })] : [first];
  let done = 0;
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  const rows = await walk(points, places, stopped.signal, (row) => {
    done++;
    const faults = row.faults.map((fault) => `      ${fault}\n`).join("");
    process.stderr.write(`${done}/${points.length}  ${lineOf(row)}\n${faults}`);
  });
  const bad = report(rows, points.length, performance.now() - startedAtMs);
  return bad === 0 && rows.length === points.length ? 0 : 1;
}

async function main(): Promise<number> {
  const how = wanted();
  const first = await openKillPlace({ standby: how.standby });
  const all = await enumerate(first, walksWanted()).catch(async (thrown: unknown) => {
    await first.close().catch(() => undefined);
    throw thrown;
  });
  const points = pointsWanted(all);
  if (!values.list && points.length > 0) return walkAll(points, first, how);
  await first.close();
  if (!values.list) usage(`There is no point ${values.point ?? "to walk"}.`);
  console.log(all.map(({ name }, at) => `${String(at + 1).padStart(4)}  ${name}`).join("\n"));
  return 0;
}

process.exitCode = await main();
