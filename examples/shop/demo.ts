/**
 * `npm run demo`: deploys eight releases of a small shop on this machine, good ones and bad ones, under load, with the
 * real command line; then shows a table. Exit code 0: each ended as it should, and no request was lost because of Sluice.
 *
 *     npm run demo -- --sqlite   the shop on SQLite, also where PostgreSQL is here
 *     npm run demo -- --keep     leave the folders of earlier demos where they are
 *     npm run demo -- --only v1.0.0,v1.2.0   some of the releases; v1.0.0 has to be one of them
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withChildren } from "../shared/children.ts";
import { type ExamplePlace, makePlace } from "../shared/place.ts";
import { presentationOf } from "../shared/presentation.ts";
import { leftRunning } from "../shared/processes.ts";
import { openScreen, type Screen } from "../shared/screen.ts";
import { type Act, acts } from "./demo/acts.ts";
import { requestsPerSecond } from "./demo/load.ts";
import { type DeploymentReading, latestIn, readDeployment } from "./demo/reading.ts";
import { type Stage, setUp } from "./demo/set-up.ts";
import { failed } from "./load-record.ts";
import { type DemoRow, demoPassed, renderTable } from "./table.ts";

interface Played {
  readonly act: Act;
  readonly beganAtMs: number;
  readonly exitCode: number | null;
  readonly reading: DeploymentReading | undefined;
}

async function play(stage: Stage, act: Act): Promise<Played> {
  const { screen, sluice, ledger } = stage;
  const beganAtMs = Date.now();
  screen.heading(act.tag, act.title);
  screen.say(act.says);
  const stopLive = liveLine(stage, beganAtMs);
  try {
    const exitCode = await (act.play?.(stage) ?? sluice("deploy", act.environment, act.tag).ended);
    const row = await latestIn(ledger, act.environment);
    const reading = row?.version === act.tag ? await readDeployment(ledger, row) : undefined;
    return { act, beganAtMs, exitCode, reading };
  } finally {
    stopLive();
  }
}

/** On a terminal: time and load at the bottom, so that a wait is not silence. */
function liveLine({ screen, load }: Stage, beganAtMs: number): () => void {
  const show = async () => {
    const seconds = Math.round((Date.now() - beganAtMs) / 1_000);
    const { requestsPerSecond: rate, failed: lost } = await load.lately();
    const traffic = load.begun ? `  ${rate} requests/s, ${lost} failed so far` : "";
    if (!stopped) screen.live(`    ${seconds} s${traffic}`);
  };
  let stopped = false;
  const timer = screen.presentation.colour ? setInterval(() => void show(), 500) : undefined;
  return () => {
    stopped = true;
    clearInterval(timer);
    screen.live(undefined);
  };
}

function asExpected({ act: { expected }, exitCode, reading }: Played): boolean {
  if (reading === undefined) return false;
  const told = [expected.reason, expected.also].every(
    (words) => words === undefined || reading.reasons.some((line) => words.test(line)),
  );
  return told && exitCode === expected.exitCode && reading.outcome === expected.outcome;
}

/** The line of the failure that says most, else how far it held. */
function whyOf({ act: { because, expected }, reading, exitCode }: Played): string {
  const { reason } = expected;
  const told = reason && reading?.reasons.find((line) => reason.test(line));
  const why = told ?? reading?.why ?? `no deployment; exit code ${exitCode}`;
  return [because, shortened(why)].filter(Boolean).join("; ");
}

const longest = 150;

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`;
}

async function rowsOf({ load }: Stage, played: readonly Played[], endedAtMs: number): Promise<readonly DemoRow[]> {
  return Promise.all(
    played.map(async (each, index) => {
      const { act, reading, beganAtMs } = each;
      const counts = await load.between(beganAtMs, played[index + 1]?.beganAtMs ?? endedAtMs);
      return {
        release: act.environment === "production" ? act.tag : `${act.tag} (${act.environment})`,
        outcome: reading?.outcome ?? "failed",
        asExpected: asExpected(each),
        why: whyOf(each),
        detectMs: reading?.detectMs,
        served: counts.ok,
        failed: failed(counts),
        failedBySluice: counts.failedBySluice,
        records: reading?.id ?? "none",
      };
    }),
  );
}

async function perform(stage: Stage, chosen: readonly Act[]): Promise<boolean> {
  const { screen, load, place, keys } = stage;
  const possible = chosen.filter(({ environment }) => environment === "production" || "alice" in keys);
  const played: Played[] = [];
  for (const act of possible) played.push(await play(stage, act));
  const rate = await load.end();
  const rows = await rowsOf(stage, played, Date.now());

  screen.heading("What happened", `under ${rate} requests a second`);
  screen.print(`\n${renderTable(rows, screen.presentation)}`);
  const rateHeld = rate >= requestsPerSecond * 0.9;
  if (!rateHeld) screen.bad(`The load was to be ${requestsPerSecond} requests a second; this machine managed ${rate}.`);
  showNext(screen, place, played);
  return demoPassed(rows) && rateHeld;
}

function showNext(screen: Screen, place: ExamplePlace, played: readonly Played[]): void {
  const failed = played.findLast(({ reading }) => reading && reading.outcome !== "succeeded");
  const command = (words: string) => `  npm run sluice -- --project ${place.repository} ${words}`;
  screen.heading("Look further", "the records stay until the next demo");
  screen.print(
    [
      `  ${join(place.repository, "deployment-logs")}/<records>/`,
      "",
      command("status production"),
      command("history production"),
      command(`record ${(failed ?? played[0])?.reading?.id ?? ""}`),
    ].join("\n"),
  );
}

const options = {
  keep: { type: "boolean", default: false },
  sqlite: { type: "boolean", default: false },
  only: { type: "string" },
} as const;

async function main(): Promise<number> {
  const { keep, sqlite, only } = parseArgs({ options }).values;
  const chosen = acts.filter(({ tag }) => only === undefined || only.split(",").includes(tag));
  const beganAtMs = Date.now();
  const screen = openScreen(process.stdout, presentationOf(process.stdout, process.env));
  const place = await makePlace("demo", keep);
  screen.heading("Sluice", `${chosen.length} releases of a shop, on this machine`);
  const passed = await withChildren(async (children) =>
    perform(await setUp({ place, screen, children, preferSqlite: sqlite }), chosen),
  );
  const left = await leftRunning(place);
  screen.print("");
  for (const what of left) screen.bad(`still running: ${what}`);
  const seconds = Math.round((Date.now() - beganAtMs) / 1_000);
  const good = passed && left.length === 0;
  if (good) screen.good(`Each release ended as it should, in ${seconds} s. Nothing is left running.`);
  else screen.bad(`Not everything was as it should be (${seconds} s).`);
  return good ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`\nThe demo could not go on. ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
