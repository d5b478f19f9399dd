/**
 * Plays an example that goes from a push, through a SIMULATED GitHub, to a finished deployment: builds its world, plays its acts
 * one after the other with the real command line, and ends with 0 only when each of them went as it says. What GitHub holds in the
 * end is written to `github.json` of the example's folder.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseDocument } from "yaml";
import type { SimulatedRepository } from "../../test/github/world.ts";
import { type Children, withChildren } from "./children.ts";
import type { ExampleDatabase } from "./database.ts";
import type { Tree } from "./edits.ts";
import { type ExampleForge, type Jobs, openForge, type Push, type Pushed } from "./forge.ts";
import { gitIn } from "./git.ts";
import { type ExamplePlace, freePorts, makePlace } from "./place.ts";
import { presentationOf } from "./presentation.ts";
import { endInstances, endLedger, endRouters, endWorkers, leftRunning } from "./processes.ts";
import { openScreen, type Screen } from "./screen.ts";
import { type Sluice, sluiceFor } from "./sluice.ts";
import { startUsers } from "./users.ts";

/** A place in sluice.yaml, and what stands there on this machine. */
export type Override = readonly [path: readonly (string | number)[], value: unknown];

export interface ForgeExample {
  readonly name: string;
  readonly title: string;
  /** Where its sluice.yaml is. */
  readonly folder: string;
  /** `acme/shop` */
  readonly repository: string;
  /** The first release, without sluice.yaml. */
  readonly sources: Tree;
  readonly jobs: Jobs;
  readonly workflows?: readonly string[];
  readonly ports: number;
  /** Started before everything else; what it needs is not here: an error that says so. */
  readonly database?: (place: ExamplePlace, children: Children) => Promise<ExampleDatabase>;
  readonly overrides: (ports: readonly number[]) => readonly Override[];
  /** What the users ask for all the time, of the first so many ports. */
  readonly users: { readonly paths: readonly string[]; readonly ofPorts: number };
  /** Besides GITHUB_TOKEN. */
  readonly secrets?: (database: ExampleDatabase | undefined) => Promise<Readonly<Record<string, string>>>;
  readonly acts: readonly Act[];
}

export interface Act {
  readonly heading: string;
  readonly title: string;
  readonly says: string;
  readonly play: (stage: Stage) => Promise<void>;
}

export interface Stage {
  readonly screen: Screen;
  readonly repository: SimulatedRepository;
  /** The push, and then what a workflow's checkout has. */
  push(push: Push, ciBegins?: "whenAsked"): Promise<Pushed>;
  /** Runs it to its end, which has to be with this exit code. */
  sluice(exitCode: number, ...words: readonly string[]): Promise<void>;
  /** Waits until GitHub shows it; a channel that was slow is asked once more to tell. */
  shows(what: string, isSo: () => boolean, environment?: string): Promise<void>;
}

export async function playForgeExample(example: ForgeExample): Promise<number> {
  const beganAtMs = Date.now();
  const screen = openScreen(process.stdout, presentationOf(process.stdout, process.env));
  const place = await makePlace(example.name, false);
  screen.heading(example.title, "GitHub is simulated, everything else is real");
  const violations = await withChildren(async (children) => {
    const { stage, forge } = await setUp(example, { place, screen, children });
    try {
      for (const act of example.acts) {
        screen.heading(act.heading, act.title);
        screen.say(act.says);
        await act.play(stage);
      }
      return [...forge.violations];
    } finally {
      await writeFile(join(place.folder, "github.json"), stateOf(forge.repository));
    }
  });
  return finish({ screen, place, violations, beganAtMs });
}

interface World {
  readonly place: ExamplePlace;
  readonly screen: Screen;
  readonly children: Children;
}

async function setUp(example: ForgeExample, { place, screen, children }: World) {
  children.keeper.sweep(place.folder);
  children.atEnd("the ledger", () => endLedger(place));
  const database = await example.database?.(place, children);
  if (database) children.atEnd("the database", () => database.stop());
  children.atEnd("the services", () => endInstances(place));
  children.atEnd("the routers", () => endRouters(place));
  children.atEnd("workers", () => endWorkers(place));

  const { name, repository, jobs, workflows = [] } = example;
  const sources = new Map(example.sources);
  const forge = await openForge({ place, name: repository, sources, jobs, workflows });
  children.atEnd("the simulated GitHub", () => forge.close());
  const url: Override = [["github", "url"], forge.url];
  const ports = await freePorts(example.ports);
  const overrides = [url, ...example.overrides(ports)];
  sources.set("sluice.yaml", await configured(example.folder, overrides));
  // As in a workflow's job: the command itself runs the deployment.
  const variables = { CI: "true", GITHUB_TOKEN: forge.token, ...(await example.secrets?.(database)) };
  const sluice = sluiceFor(place, variables, screen, children);
  for (const port of ports.slice(0, example.users.ofPorts)) {
    const users = startUsers(`http://127.0.0.1:${port}`, example.users.paths);
    children.atEnd("the users", () => users.stop());
  }
  tellWorld(screen, { name, place, forge, database, overrides });
  return { forge, stage: stageFor({ screen, place, forge, sluice }) };
}

/** The file as it is, comments too, but for what differs on this machine. */
async function configured(folder: string, overrides: readonly Override[]): Promise<string> {
  const document = parseDocument(await readFile(join(folder, "sluice.yaml"), "utf8"));
  for (const [path, value] of overrides) document.setIn(path, value);
  return document.toString({ lineWidth: 0 });
}

interface Told {
  readonly name: string;
  readonly place: ExamplePlace;
  readonly forge: ExampleForge;
  readonly database: ExampleDatabase | undefined;
  readonly overrides: readonly Override[];
}

function tellWorld(screen: Screen, { name, place, forge, database, overrides }: Told): void {
  const judged = forge.isJudged
    ? "every request is held against GitHub's own description of its API"
    : "its requests are held against nothing: npm could not install GitHub's description";
  screen.say(`GitHub      simulated, at ${forge.url}; ${judged}`);
  screen.say(`pushed to   ${join(place.folder, "origin.git")}, a bare repository`);
  screen.say(`checkout    ${place.repository}`);
  if (database) screen.say(`database    ${database.describe}`);
  const changed = overrides.map(([path, value]) => `${path.join(".")}: ${JSON.stringify(value)}`);
  screen.say(`sluice.yaml examples/${name}/sluice.yaml, with these changed for one machine and one minute:`);
  screen.say(changed.join(", "));
}

interface Staged {
  readonly screen: Screen;
  readonly place: ExamplePlace;
  readonly forge: ExampleForge;
  readonly sluice: Sluice;
}

function stageFor({ screen, place, forge, sluice }: Staged): Stage {
  const { repository } = forge;
  const run = async (exitCode: number, ...words: readonly string[]) => {
    const ended = await sluice(...words).ended;
    if (ended !== exitCode) throw new Error(`sluice ${words.join(" ")} ended with ${ended}, not with ${exitCode}.`);
  };
  return {
    screen,
    repository,
    async push(push, ciBegins) {
      const pushed = await forge.push(push, ciBegins);
      await checkOut(place, pushed);
      screen.say(
        `pushed: ${push.tag}, ${pushed.commit.slice(0, 12)}, "${push.subject}"; CI: ${checksOf(repository, pushed)}`,
      );
      return { ...pushed, ci: pushed.ci.then((isGreen) => told(screen, repository, pushed, isGreen)) };
    },
    sluice: run,
    async shows(what, isSo, environment = "production") {
      if (!(await comes(isSo, 10_000))) await run(0, "notify", environment, "--again");
      if (!(await comes(isSo, 30_000))) throw new Error(`The simulated GitHub never showed: ${what}.`);
      screen.good(`GitHub (simulated) shows ${what}`);
    },
  };
}

function told(screen: Screen, repository: SimulatedRepository, pushed: Pushed, isGreen: boolean): boolean {
  const text = `CI of ${pushed.tag}: ${checksOf(repository, pushed)}`;
  if (isGreen) screen.good(text);
  else screen.bad(text);
  return isGreen;
}

const checksOf = ({ checkRuns }: SimulatedRepository, { commit }: Pushed): string =>
  checkRuns
    .filter(({ sha }) => sha === commit)
    .map(({ name, status, conclusion }) => `${name} ${conclusion ?? status}`)
    .join(", ");

/** As actions/checkout does it, with the tags. */
async function checkOut({ folder, repository }: ExamplePlace, { commit }: Pushed): Promise<void> {
  const git = gitIn(folder);
  await mkdir(repository, { recursive: true });
  await git("init", "--quiet", "--template=", "--initial-branch=main", repository);
  await git("-C", repository, "fetch", "--quiet", "--tags", join(folder, "origin.git"), "main");
  await git("-C", repository, "reset", "--quiet", "--hard", commit);
}

async function comes(isSo: () => boolean, withinMs: number): Promise<boolean> {
  const endsAtMs = Date.now() + withinMs;
  while (!isSo() && Date.now() < endsAtMs) await pause(50);
  return isSo();
}

const stateOf = (repository: SimulatedRepository): string =>
  `${JSON.stringify(repository, (_, value) => (value instanceof Map ? Object.fromEntries(value) : value), 2)}\n`;

interface End {
  readonly screen: Screen;
  readonly place: ExamplePlace;
  readonly violations: readonly string[];
  readonly beganAtMs: number;
}

async function finish({ screen, place, violations, beganAtMs }: End): Promise<number> {
  const bad = [
    ...violations.map((what) => `not as GitHub describes it: ${what}`),
    ...(await leftRunning(place)).map((what) => `still running: ${what}`),
  ];
  screen.heading("The end", "the records stay until the next run");
  for (const what of bad) screen.bad(what);
  screen.print(`  what the simulated GitHub held   ${join(place.folder, "github.json")}`);
  screen.print(`  records of each deployment       ${join(place.repository, "deployment-logs")}`);
  const seconds = Math.round((Date.now() - beganAtMs) / 1_000);
  if (bad.length > 0) return 1;
  screen.good(`Everything went as it says, in ${seconds} s. Nothing is left running.`);
  return 0;
}
