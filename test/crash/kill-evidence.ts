/**
 * What one deployment did to the world, read from where the world keeps it: the router's own weights, instance records and process
 * table, the instances' logs, the database's rows, the backup folder, the notification file. The ledger is only read for what Sluice
 * claims.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinRouter } from "../../src/adapters/builtin-router/adapter.ts";
import { isRunning, type ProcessIdentity } from "../../src/adapters/process-identity.ts";
import { machineClock } from "../../src/app/clock.ts";
import type { Serving } from "../../src/domain/serving.ts";
import type { Split } from "../../src/domain/traffic.ts";
import { filesIn } from "../e2e/project.ts";
import { ask } from "../e2e/traffic.ts";
import { backupsOf, migrationEffects } from "./evidence.ts";
import type { Ground, KillPlace } from "./kill-place.ts";
import type { KillScenario } from "./kill-scenarios.ts";

/** Taken before a deployment begins. */
export interface Before {
  readonly starts: number;
  readonly effects: readonly string[];
  readonly serves: string | undefined;
}

export interface Found {
  readonly outcome: string;
  readonly starts: number;
  readonly backups: number;
  readonly migrations: number;
  /** `<version> <percent>` of every revision with weight, by the router's own word. */
  readonly weights: string;
  /** Kinds of news that reached the channel, sorted, with their number where it is not one. */
  readonly told: readonly string[];
  readonly requests: number;
  /** In words; none where everything is as it should be. */
  readonly faults: readonly string[];
}

export async function before({ project, state }: KillPlace, ground: Ground): Promise<Before> {
  return {
    starts: startsIn(ground),
    effects: migrationEffects(project),
    serves: (await state.ledger.serving(ground.settings.environment))?.version,
  };
}

/** Every start of an instance writes a line into its revision's log. */
function startsIn({ settings }: Ground): number {
  const logs = join(settings.target.root, "logs", "web");
  return filesIn(logs).flatMap((file) => readFileSync(join(logs, file), "utf8").match(/instance started/g) ?? [])
    .length;
}

interface InstanceFile {
  readonly revision: string;
  readonly process?: ProcessIdentity;
}

/** What runs of this ground's target, by more than the number of its process, which the system gives out again. */
export async function instancesOf({
  settings,
}: Ground): Promise<readonly { readonly revision: string; readonly pid: number }[]> {
  const folder = join(settings.target.root, "instances", "web");
  const files = filesIn(folder).filter((file) => file.endsWith(".json"));
  const known = files.map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as InstanceFile);
  const running = await Promise.all(
    known.map(async ({ revision, process }) =>
      process && (await isRunning(process)) ? [{ revision, ...process }] : [],
    ),
  );
  return running.flat();
}

/** Files that a crash may leave behind, but never half: everything that is replaced as a whole. Returns those that are torn. */
export function tornFiles({ project }: KillPlace, { settings }: Ground, id: string): readonly string[] {
  const folders = [settings.target.root, settings.router.state, join(project.logsFolder, id), settings.backup.folder];
  return folders
    .flatMap((folder) => filesIn(folder).map((file) => join(folder, file)))
    .filter((path) => path.endsWith(".json") && !path.includes(".incoming-"))
    .filter((path) => !isWhole(path));
}

function isWhole(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, "utf8"));
    return true;
  } catch {
    // Taken away since it was listed is as good as whole.
    return !existsSync(path);
  }
}

interface Told {
  readonly key: string;
  readonly kind: string;
  readonly title: string;
  readonly deploymentId: string;
}

/** A line that a crash cut short is no news; its repetition is on the next line. */
function newsOf({ project }: KillPlace, id: string): readonly Told[] {
  const file = join(project.logsFolder, "notifications.log");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  return lines.flatMap((line) => {
    try {
      const told = JSON.parse(line) as Told;
      return told.deploymentId === id ? [told] : [];
    } catch {
      return [];
    }
  });
}

const words = (split: Split): string =>
  split
    .filter(({ percent }) => percent > 0)
    .map(({ revision, percent }) => `${revision.split("~")[0]} ${percent}`)
    .join(", ");

export async function evidenceOf(
  place: KillPlace,
  ground: Ground,
  scenario: KillScenario,
  id: string,
  was: Before,
): Promise<Found> {
  const news = newsOf(place, id);
  const effects = migrationEffects(place.project);
  const route = `${ground.settings.environment}/web`;
  const at = { stateFolder: ground.settings.router.state, route, host: "127.0.0.1", port: ground.port };
  const split = await builtinRouter({ ...at, clock: machineClock }).observe(AbortSignal.timeout(5_000));
  const { seen } = ground.traffic;
  const row = await place.state.ledger.deployment(id);
  const found = {
    outcome: String(row?.outcome ?? row?.state),
    starts: startsIn(ground) - was.starts,
    backups: backupsOf(place.project, id).length,
    migrations: effects.length - was.effects.length,
    weights: words(split),
    told: news.map(({ kind }) => kind).sort(),
    requests: seen.requests,
  };
  const why = found.outcome === scenario.outcome ? [] : await reasonsOf(place, id);
  const faults = [
    ...claims(scenario, found),
    ...why,
    ...doubled("a migration took effect", effects),
    ...doubled(
      "news under one key",
      news.map(({ key }) => key),
    ),
    ...doubled(
      "the same news",
      news.map(({ kind, title }) => `${kind} ${title}`),
    ),
    ...requests(scenario, ground),
    ...(await served(place, ground, { id, split, serves: servesAfter(scenario, row?.version, was.serves) })),
    ...(await recorded(place, ground, id, found.outcome)),
    ...tornFiles(place, ground, id).map((path) => `torn: ${path}`),
  ];
  return { ...found, faults };
}

/** What a wrong outcome can be understood by, after the place with its logs is gone. */
async function reasonsOf({ state: { ledger } }: KillPlace, id: string): Promise<readonly string[]> {
  const record = (await ledger.record(id)) as RecordRead | undefined;
  const events = await ledger.events(id, 0);
  const lines = events.filter(({ step }) => ["start", "verdict", "rollout"].includes(step));
  return [
    `because: ${record?.failure?.message ?? "no failure is recorded"}`,
    ...lines.map(({ atMs, step, title, detail }) => `${atMs} ${step}: ${title} ${JSON.stringify(detail)}`),
  ];
}

const servesAfter = ({ serves }: KillScenario, version: string | undefined, stable: string | undefined) =>
  serves === "the new one" ? version : stable;

const differs = (what: string, is: unknown, wanted: unknown): readonly string[] =>
  is === wanted ? [] : [`${what}: ${is}, not ${wanted}`];

const claims = (scenario: KillScenario, found: Omit<Found, "faults">): readonly string[] =>
  (["outcome", "starts", "backups", "migrations"] as const).flatMap((what) =>
    differs(what, found[what], scenario[what]),
  );

const doubled = (what: string, names: readonly string[]): readonly string[] =>
  [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].map((name) => `${what} twice: ${name}`);

function requests({ errors, first }: KillScenario, { traffic }: Ground): readonly string[] {
  const { seen } = traffic;
  return [
    ...(seen.lost > 0 ? [`${seen.lost} of ${seen.requests} requests were lost: ${seen.losses.join(", ")}`] : []),
    ...(seen.errors > 0 && !errors && !first ? [`${seen.errors} requests got an error`] : []),
    ...(seen.errors === 0 && errors ? [`none of ${seen.requests} requests got an error from a bad release`] : []),
  ];
}

async function served(
  place: KillPlace,
  ground: Ground,
  { id, split, serves }: { readonly id: string; readonly split: Split; readonly serves: string | undefined },
): Promise<readonly string[]> {
  const row = await place.state.ledger.serving(ground.settings.environment);
  const revision = (row?.detail as unknown as Serving | undefined)?.components[0]?.revision;
  const weighted = split.filter(({ percent }) => percent > 0);
  const answers = await Promise.all([1, 2, 3].map(() => ask(ground.port)));
  const running = (await instancesOf(ground)).map((instance) => instance.revision);
  const fences = await fencesOf(ground);
  return [
    ...differs("the ledger says that serves", row?.version, serves),
    ...differs(
      "the router's weights",
      weighted.map((one) => `${one.revision} ${one.percent}`).join(),
      `${revision} 100`,
    ),
    ...differs("running instances", running.join(), revision),
    ...answers.flatMap((answer) => differs("who answers", answer?.version, serves)),
    ...fences.flatMap((fence) => differs("a fence names", fence.deploymentId, id)),
    ...differs("the fences' numbers", fences[0]?.n, fences[1]?.n),
  ];
}

interface Fence {
  readonly n: number;
  readonly deploymentId: string;
}

async function fencesOf({ settings, port }: Ground): Promise<readonly Fence[]> {
  const file = JSON.parse(readFileSync(join(settings.target.root, "fence.json"), "utf8")) as { readonly last: Fence };
  const route = { stateFolder: settings.router.state, route: `${settings.environment}/web`, host: "127.0.0.1", port };
  const router = await builtinRouter({ ...route, clock: machineClock }).fence(AbortSignal.timeout(5_000));
  return [file.last, router ?? { n: -1, deploymentId: "nobody" }];
}

async function recorded(
  { project, state }: KillPlace,
  { settings }: Ground,
  id: string,
  outcome: string,
): Promise<readonly string[]> {
  const { ledger } = state;
  const file = join(project.logsFolder, id, "deployment-record.json");
  const inFile = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as RecordRead).outcome : "missing";
  const inLedger = ((await ledger.record(id)) as RecordRead | undefined)?.outcome;
  const events = await ledger.events(id, 0);
  const ends = events.filter(({ step, key }) => step === "finish" && key === "outcome").map(({ title }) => title);
  const undelivered = await ledger.undelivered(id);
  return [
    ...differs("the record's file says", inFile, outcome),
    ...differs("the ledger's record says", inLedger, outcome),
    // A step that was run again tells its line again, under the attempt that ran it; it must be the same line.
    ...differs("the story's end", [...new Set(ends)].join(), outcome),
    ...differs("the lock is held by", (await ledger.lock(settings.environment))?.deploymentId, undefined),
    ...undelivered.map(({ notification }) => `nobody was told: ${notification.kind}`),
  ];
}

interface RecordRead {
  readonly outcome?: string;
  readonly failure?: { readonly message: string } | null;
}
