/**
 * One project with its own router, database and clients: a stable version that serves under load, and releases that are deployed
 * against it by the command line, one after the other.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { jsonLines, type TinyProject, tinyProject, told } from "../../test/e2e/project.ts";
import { type Load, startLoad } from "./load.ts";
import { type Measured, measured, type StoryLine } from "./measured.ts";
import { type Behaviour, faults, type Row, requestsPerSecond } from "./rows.ts";
import { type WeightLog, watchWeights } from "./weight-log.ts";

/** `argv[2]` is only there so that the project's processes can be told from all others. */
const server = `import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const { failureShare, meanMs } = JSON.parse(readFileSync("behaviour", "utf8"));
const version = process.env.SLUICE_VERSION;
const answer = (response, status) => {
  response.writeHead(status, { "content-type": "application/json", "x-version": version });
  response.end(JSON.stringify({ version, pid: process.pid }));
};
const server = createServer((request, response) => {
  if (request.url === "/health") return answer(response, 200);
  const status = Math.random() < failureShare ? 500 : 200;
  setTimeout(answer, meanMs * (0.5 - 0.5 * Math.log(1 - Math.random())), response, status);
});
server.keepAliveTimeout = 65_000;
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("instance started"));
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
`;

const own = {
  observation: "{ duration: 0s }",
  smoke: "{ suite: essential, timeout: 5s }",
};

const first = {
  ...own,
  rollout: "{ steps: [{ percent: 100, bake: 0s }], checkEvery: 100ms, keepStable: 0s }",
};

export interface Lane {
  run(row: Row): Promise<Measured>;
  readonly load: Load;
  stop(): Promise<void>;
}

/** @param historyMs the stable version serves so long, under load, before the first release comes. */
export async function openLane(historyMs: number, signal: AbortSignal): Promise<Lane> {
  const project = await tinyProject({ load: 0, releases: [{ tag: "v0.1.0", behaviour: "healthy" }] });
  let load: Load | undefined;
  let weights: WeightLog | undefined;
  const stop = async () => {
    weights?.stop();
    await load?.stop();
    await project.stop();
  };
  let releases = 0;
  const release = async (behaviour: Behaviour, settings: Readonly<Record<string, string>>): Promise<string> => {
    const tag = `v1.${releases++}.0`;
    await commitRelease(project, tag, behaviour, settings);
    return tag;
  };
  try {
    const tag = await release(faults.healthy, first);
    const ran = await project.sluice("deploy", "production", tag);
    if (ran.exitCode !== 0) throw new Error(told(ran));
    await project.settled();
    load = startLoad(project.port, requestsPerSecond);
    weights = watchWeights(join(project.stateFolder, "router", "production"));
    await pause(historyMs, undefined, { signal });
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const parts = { project, load, weights };
  return {
    load,
    stop,
    run: async (row) => {
      signal.throwIfAborted();
      return deployed(parts, row, await release(faults[row.fault], row.settings));
    },
  };
}

async function commitRelease(
  project: TinyProject,
  tag: string,
  behaviour: Behaviour,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  writeFileSync(join(project.folder, "server.mjs"), server);
  writeFileSync(join(project.folder, "behaviour"), `${JSON.stringify(behaviour)}\n`);
  await project.configure({ ...own, ...settings });
  await project.git("commit", "--quiet", "--allow-empty", "--all", "--message", `Release ${tag}`);
  await project.git("tag", "--annotate", "--message", tag, tag);
}

interface Parts {
  readonly project: TinyProject;
  readonly load: Load;
  readonly weights: WeightLog;
}

async function deployed({ project, load, weights }: Parts, row: Row, tag: string): Promise<Measured> {
  const ran = await project.sluice("deploy", "production", tag, "--json");
  const story = jsonLines(ran) as readonly StoryLine[];
  const result = await measured(row, tag, story, weights, load);
  if (result === undefined) throw new Error(`${row.name}: no traffic was shifted\n${told(ran)}`);
  await project.settled();
  return result;
}
