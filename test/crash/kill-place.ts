/**
 * A project on this machine in which one deployment after the other is killed: real git, real ledger, real target, router and
 * database (test/e2e/project.ts). A point never gets the leavings of the one before: each deploys a release of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { applicationVersion } from "../../src/app/flows.ts";
import { openProject } from "../../src/app/project.ts";
import { openState, type State } from "../../src/app/state.ts";
import { deploymentIdFor } from "../../src/domain/ids.ts";
import { asJson } from "../../src/domain/json.ts";
import type { EnvironmentSettings } from "../../src/domain/settings.ts";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import { freePort } from "../../src/testing/router-world.ts";
import { type TinyProject, tinyProject, told } from "../e2e/project.ts";
import { type Behaviour, tinyTree } from "../e2e/tiny-release.ts";
import { startTraffic, type Traffic } from "../e2e/traffic.ts";

const workerFile = fileURLToPath(new URL("kill-points-worker.ts", import.meta.url));

/** Where a deployment goes: the project's production, or for a first deployment an environment in which nothing ran yet. */
export interface Ground {
  readonly settings: EnvironmentSettings;
  readonly port: number;
  readonly traffic: Traffic;
}

export interface NewRelease {
  readonly version: string;
  readonly commit: string;
}

export interface ReleaseKind {
  readonly behaviour: Behaviour;
  /** Its migration exits with 3 and changes nothing. */
  readonly failingMigration?: boolean;
}

export interface KillPlace {
  /** Of the `sluice standby` that looks after this project; undefined: somebody has to type `sluice resume`. */
  readonly standbyPid: number | undefined;
  readonly project: TinyProject;
  readonly state: State;
  readonly production: Ground;
  /** A new tag with one migration of its own. */
  release(kind: ReleaseKind): Promise<NewRelease>;
  /** An environment of its own, with its own router and target; `traffic` is stopped by whoever asked for it. */
  untouchedGround(): Promise<Ground>;
  begin(ground: Ground, what: Pick<DeploymentRow, "kind" | "version" | "commit">): Promise<DeploymentRow>;
  /** The self-killing worker. `under`: a program and its arguments to run it by. */
  startWorker(id: string, mode: readonly string[], under?: Under): Worker;
  close(): Promise<void>;
}

export interface Under {
  readonly argv: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

export interface Worker {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly killed: boolean; readonly exitCode: number | null; readonly stderr: string }>;
}

/** Short bakes; time enough for a slow machine to resume and to count requests in, so that no weight goes back meanwhile. */
const quick: Readonly<Record<string, string>> = {
  lock: "{ lease: 3s, heartbeat: 200ms }",
  rollout:
    "{ steps: [{ percent: 50, bake: 300ms }, { percent: 100, bake: 200ms }], checkEvery: 100ms, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 5, errorRate: 0.05, errorRateRise: off, meanLatency: off, p95Latency: off }, unknownFor: 20s, unattended: 25s, keepStable: 0s, verdict: { bucket: 500ms, grace: 100ms, warmUp: 500ms, dispersionWithoutHistory: 1, rehearsal: false, advisory: [latency] } }",
};

/**
 * Nobody but `sluice resume` may take over here, or it would not be known who did. The programs are the ordinary ones; that their
 * TypeScript is not translated anew at each of some thousand starts changes nothing but the time the whole walk takes.
 */
const variables: Readonly<Record<string, string>> = {
  SLUICE_STANDBY: "off",
  NODE_COMPILE_CACHE: join(tmpdir(), "sluice-kill-points-compiled"),
};

export async function openKillPlace(options: { readonly standby: boolean } = { standby: false }): Promise<KillPlace> {
  const project = await tinyProject({
    database: true,
    releases: [{ tag: "v1.0.0", behaviour: "healthy" }],
    environment: quick,
    variables,
    more: ["notify: { log: { kind: log-file, file: deployment-logs/notifications.log } }"],
  });
  try {
    return await prepared(project, options.standby);
  } catch (thrown) {
    await project.stop().catch(() => undefined);
    throw thrown;
  }
}

/** Two versions have served, so that there is one to go back to. */
async function prepared(project: TinyProject, hasStandby: boolean): Promise<KillPlace> {
  const first = await project.sluice("deploy", "production", "v1.0.0");
  if (first.exitCode !== 0) throw new Error(told(first));
  const state = await openState({ url: undefined, stateFolder: project.stateFolder });
  const { traffic } = project;
  if (traffic === undefined) throw new Error("this place needs a load");
  const production = { settings: openProject(project.folder).settings("production"), port: project.port, traffic };
  const standby = hasStandby ? project.start(["standby"]) : undefined;
  const place: KillPlace = {
    standbyPid: standby?.child.pid,
    project,
    state,
    production,
    release: releases(project),
    untouchedGround: grounds(production.settings, project.port),
    begin: (ground, what) => begin(project, state, ground, what),
    startWorker: (id, mode, under) => startWorker(project.folder, id, mode, under),
    async close() {
      standby?.child.kill("SIGTERM");
      await standby?.ended;
      await state.close();
      await project.stop();
    },
  };
  const second = await place.release({ behaviour: "healthy" });
  const { id } = await place.begin(production, { kind: "deploy", ...second });
  const { exitCode, stderr } = await place.startWorker(id, ["live"]).ended;
  const outcome = (await state.ledger.deployment(id))?.outcome;
  if (exitCode !== 0 || outcome !== "succeeded") throw new Error(`${second.version} ended ${outcome}: ${stderr}`);
  return place;
}

function releases(project: TinyProject): KillPlace["release"] {
  const configuration = readFileSync(join(project.folder, "sluice.yaml"), "utf8");
  let made = 0;
  return async ({ behaviour, failingMigration }) => {
    made++;
    const version = `v2.${made}.0`;
    const tree = tinyTree(
      { tag: version, behaviour, migrations: [`m${String(made).padStart(4, "0")}`] },
      configuration,
    );
    rmSync(join(project.folder, "migrations"), { recursive: true, force: true });
    for (const [path, content] of tree) {
      const breaking = failingMigration && path === "migrate.mjs";
      mkdirSync(dirname(join(project.folder, path)), { recursive: true });
      writeFileSync(
        join(project.folder, path),
        breaking ? `if (process.argv[2] === "apply") process.exit(3);\n${content}` : content,
      );
    }
    await project.git("add", "--all");
    await project.git("commit", "--quiet", "--message", `Release ${version}`);
    await project.git("tag", "--annotate", "--message", version, version);
    return { version, commit: await project.git("rev-parse", "HEAD") };
  };
}

/** Settings as sluice.yaml would give them to an environment of another name on another port. */
function grounds(settings: EnvironmentSettings, port: number): KillPlace["untouchedGround"] {
  let made = 0;
  return async () => {
    made++;
    const ownPort = await freePort();
    const text = JSON.stringify(settings)
      .replaceAll(/\bproduction\b/g, `first-${made}`)
      .replaceAll(new RegExp(`\\b${port}\\b`, "g"), String(ownPort));
    return { settings: JSON.parse(text) as EnvironmentSettings, port: ownPort, traffic: startTraffic(ownPort, 80) };
  };
}

async function begin(
  project: TinyProject,
  { ledger }: State,
  { settings }: Ground,
  { kind, version, commit }: Pick<DeploymentRow, "kind" | "version" | "commit">,
): Promise<DeploymentRow> {
  const deploy = { ref: { kind: "tag", name: version }, commit, approvalsRequired: 0 };
  const rollback = { reason: "by hand", toVersion: null, component: null };
  const asked = kind === "deploy" ? { deploy, rollback: null } : { deploy: null, rollback };
  return ledger.createDeployment({
    id: deploymentIdFor(await ledger.now(), commit),
    project: settings.project,
    environment: settings.environment,
    kind,
    version,
    commit,
    startedBy: "ada",
    input: asJson({ ...asked, settings, projectFolder: project.folder }),
    applicationVersion,
  });
}

function startWorker(folder: string, id: string, mode: readonly string[], under?: Under): Worker {
  const [program = "", ...args] = [...(under?.argv ?? []), process.execPath, workerFile, id, folder, ...mode];
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...variables, ...under?.variables },
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr = `${stderr}${chunk}`.slice(-4_000);
  });
  const ended = new Promise<Awaited<Worker["ended"]>>((resolve, reject) => {
    child.once("error", reject);
    // Not "close": what it started may hold the pipe.
    child.once("exit", (exitCode, by) => resolve({ killed: by === "SIGKILL", exitCode, stderr }));
  });
  return { child, ended };
}
