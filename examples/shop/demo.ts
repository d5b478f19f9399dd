/**
 * `npm run demo`: deploys eight releases of a small shop on this machine, good ones and bad ones, under load, with the
 * real command line; then shows a table. Exit code 0: each ended as it should, and no request was lost because of Sluice.
 *
 *     npm run demo -- --sqlite   the shop on SQLite, also where PostgreSQL is here
 *     npm run demo -- --keep     leave the folders of earlier demos where they are
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Children, withChildren } from "./children.ts";
import { type Act, acts } from "./demo/acts.ts";
import { requestsPerSecond } from "./demo/load.ts";
import { type DemoPlace, makePlace } from "./demo/place.ts";
import { leftRunning } from "./demo/processes.ts";
import { type DeploymentReading, latestIn, readDeployment } from "./demo/reading.ts";
import { openScreen, type Screen } from "./demo/screen.ts";
import { type Stage, setUp } from "./demo/set-up.ts";
import { failed } from "./load-record.ts";
import { type DemoRow, demoPassed, presentationOf, renderTable } from "./table.ts";

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

const asExpected = ({ act: { expected }, exitCode, reading }: Played): boolean =>
  exitCode === expected.exitCode && reading?.outcome === expected.outcome;

async function rowsOf({ load }: Stage, played: readonly Played[], endedAtMs: number): Promise<readonly DemoRow[]> {
  return Promise.all(
    played.map(async (each, index) => {
      const { act, reading, beganAtMs, exitCode } = each;
      const counts = await load.between(beganAtMs, played[index + 1]?.beganAtMs ?? endedAtMs);
      const why = [act.because, reading?.why ?? `no deployment; exit code ${exitCode}`].filter(Boolean).join("; ");
      return {
        release: act.environment === "production" ? act.tag : `${act.tag} (${act.environment})`,
        outcome: reading?.outcome ?? "failed",
        asExpected: asExpected(each),
        why,
        detectMs: reading?.detectMs,
        served: counts.ok,
        failed: failed(counts),
        failedBySluice: counts.failedBySluice,
        records: reading?.id ?? "none",
      };
    }),
  );
}

async function perform(stage: Stage): Promise<boolean> {
  const { screen, load, place, keys } = stage;
  const possible = acts.filter(({ environment }) => environment === "production" || "alice" in keys);
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

function showNext(screen: Screen, place: DemoPlace, played: readonly Played[]): void {
  const rolledBack = played.find(({ reading }) => reading?.outcome === "rolled-back")?.reading?.id ?? "";
  const command = (words: string) => `  npm run sluice -- --project ${place.repository} ${words}`;
  screen.heading("Look further", "the records stay until the next demo");
  screen.print(
    [
      `  ${join(place.repository, "deployment-logs")}/<records>`,
      "",
      command("status production"),
      command("history production"),
      command(`record ${rolledBack}`),
    ].join("\n"),
  );
}

async function demo(children: Children, place: DemoPlace, screen: Screen, preferSqlite: boolean): Promise<boolean> {
  screen.heading("Sluice", "eight releases of a shop, on this machine");
  return perform(await setUp({ place, screen, children, preferSqlite }));
}

async function main(): Promise<number> {
  const options = { keep: { type: "boolean", default: false }, sqlite: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ options });
  const beganAtMs = Date.now();
  const screen = openScreen(process.stdout, presentationOf(process.stdout, process.env));
  const place = await makePlace(values.keep);
  const passed = await withChildren((children) => demo(children, place, screen, values.sqlite));
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
