/** Whole simulations of a project on disk: every fault with the outcome it must have, and a folder that stays as it was. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openProject } from "./project.ts";
import {
  type FaultName,
  faultNames,
  keepSimulation,
  type Simulated,
  type SimulateOptions,
  simulate,
} from "./simulate.ts";

const sentinel = "hunter2-Sentinel-9c1d";
const startMs = Date.UTC(2026, 10, 20, 9);
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZ8ClWXG3yTVLd3BfLBEvCpfW+7+4wlMVDUpPmcJmSZ";
const folders: string[] = [];
let folder = "";

const git = (...words: string[]): string =>
  execFileSync("git", ["-c", "user.name=Dora", "-c", "user.email=dora@example.org", ...words], {
    cwd: folder,
    encoding: "utf8",
  }).trim();

const configuration = `
sluice: 1
project: shop
secrets: { API_KEY: { env: API_KEY } }
components:
  api:
    build: [[npm, ci]]
    command: [node, server.mjs, --port, "{port}"]
    environment: { API_KEY: { secret: API_KEY } }
    route: { port: 8080 }
    ready: { path: /health, version: true }
  worker: { command: [node, worker.mjs] }
databases:
  main: { kind: sqlite, file: data.sqlite }
migrations:
  main: { pending: [node, migrate.mjs, pending], apply: [node, migrate.mjs, apply] }
notify:
  log: { kind: log-file, file: deployment-logs/notifications.log }
environments:
  production:
    policy: strict
    ci: { command: [./ci, "{commit}"] }
    approvals: { approvers: [bob, eve, kim], allowedSigners: signers }
    health: [{ name: shop, url: "http://127.0.0.1:8080/health" }]
    smoke: { checks: [{ kind: http, name: front page, url: "http://127.0.0.1:8080/" }] }
  staging: { policy: basic, ports: { api: 8081 } }
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-simulate-"));
  folders.push(folder);
  writeFileSync(join(folder, "sluice.yaml"), configuration);
  writeFileSync(join(folder, "signers"), ["bob", "eve", "kim"].map((name) => `${name} ${key}\n`).join(""));
  git("init", "--quiet", "--initial-branch=main");
  git("add", "--all");
  git("commit", "--quiet", "--message=First");
  git("commit", "--quiet", "--allow-empty", "--message=Faster checkout");
  git("tag", "v1.2.0");
});

afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});

interface Asked extends Partial<SimulateOptions> {
  readonly in?: string;
}

function simulated({ in: environment = "production", ...asked }: Asked = {}): Promise<Simulated> {
  return simulate(openProject(folder).settings(environment), {
    projectFolder: folder,
    name: "v1.2.0",
    faults: [],
    startedBy: "ada",
    first: false,
    requestsPerSecond: 50,
    errorRate: 0,
    migrations: 0,
    environment: { API_KEY: sentinel },
    startMs,
    signal: new AbortController().signal,
    ...asked,
  });
}

/** Path → size and time of change, `.git` too. */
const everything = (): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => {
      const { size, mtimeMs } = statSync(join(folder, path));
      return `${path} ${size} ${mtimeMs}`;
    })
    .sort();

const outcomeByFault: Readonly<
  Record<FaultName, readonly [outcome: string, code: string | undefined, exitCode: number]>
> = {
  "bad-release": ["rolled-back", "CANDIDATE_WORSE", 4],
  "dead-release": ["rolled-back", "CANDIDATE_WORSE", 4],
  "crash-on-start": ["failed", "START_FAILED", 1],
  "never-ready": ["failed", "NOT_READY", 1],
  "wrong-version": ["failed", "VERSION_MISMATCH", 1],
  "no-traffic": ["undecided", "ROLLOUT_UNDECIDED", 6],
  "slow-release": ["rolled-back", "HEALTH_FAILED", 4],
  "migration-fails": ["failed", "MIGRATION_FAILED", 1],
  "backup-fails": ["failed", "BACKUP_UNVERIFIED", 1],
  "smoke-fails": ["rolled-back", "SMOKE_FAILED", 4],
  killed: ["succeeded", undefined, 0],
  "killed-twice": ["succeeded", undefined, 0],
  "ledger-away": ["succeeded", undefined, 0],
  "router-restart": ["succeeded", undefined, 0],
  "router-reverts": ["rolled-back", "ROUTER_DISAGREES", 4],
  "channel-down": ["succeeded", undefined, 0],
  "target-away": ["quarantined", "CANCELLED", 6],
  rejected: ["refused", "APPROVAL_REJECTED", 3],
  expired: ["expired", "APPROVAL_EXPIRED", 9],
  "lock-held": ["refused", "LOCK_HELD", 7],
};

describe("faults", () => {
  test("W4 every fault has the outcome that it must have, and none loses a request", { timeout: 120_000 }, async () => {
    for (const name of faultNames) {
      const { outcome, failure, exitCode, requests, undelivered } = await simulated({ faults: [name] });

      expect([outcome, failure?.code, exitCode], name).toEqual(outcomeByFault[name]);
      expect(requests.lost, name).toBe(0);
      expect(undelivered > 0, name).toBe(name === "channel-down");
    }
  });

  test("W4 whatever goes wrong once traffic has moved, the version before serves in the end", async () => {
    for (const name of ["bad-release", "slow-release", "smoke-fails", "no-traffic"] as const) {
      const { servesNow, events } = await simulated({ faults: [name] });

      expect(servesNow, name).toBe("v1.1.0");
      expect(events.map(({ title }) => title)).toContain("traffic is back on v1.1.0, read back from the router");
    }
  });

  test("W4 an orchestrator that is killed twice is replaced twice, and the timeline says so", async () => {
    const { notes, record } = await simulated({ faults: ["killed-twice"] });

    expect(notes.map(({ text }) => text)).toEqual([
      "process 1 is killed",
      "process 2 takes over",
      "process 2 is killed",
      "process 3 takes over",
    ]);
    expect(record).toMatchObject({ outcome: "succeeded", simulated: true });
  });

  test("W4 a fault that a deployment survives is seen in its timeline", async () => {
    const restarted = await simulated({ faults: ["router-restart"] });
    const away = await simulated({ faults: ["ledger-away"] });
    const usual = await simulated();
    const rounds = (found: Simulated) =>
      found.events.filter(({ detail }) => JSON.stringify(detail).includes('"verdict"'));

    expect(rounds(restarted).some(({ detail }) => JSON.stringify(detail).includes('"resetSeen":true'))).toBe(true);
    expect(rounds(usual).some(({ detail }) => JSON.stringify(detail).includes('"resetSeen":true'))).toBe(false);
    expect(away.notes.map(({ text }) => text)).toEqual([
      "the ledger does not answer any more",
      "the ledger answers again",
    ]);
    expect(rounds(away).length).toBeLessThan(rounds(usual).length);
  });

  test("W4 faults come together", async () => {
    const { outcome, undelivered } = await simulated({ faults: ["channel-down", "bad-release", "killed"] });

    expect(outcome).toBe("rolled-back");
    expect(undelivered).toBeGreaterThan(0);
  });

  test("W4 a fault that another one forestalled is said not to have come to pass", async () => {
    const { outcome, notes } = await simulated({ faults: ["crash-on-start", "killed"] });

    expect(outcome).toBe("failed");
    expect(notes.map(({ text }) => text)).toEqual(["killed did not come to pass: the deployment had ended before"]);
  });

  test("W4 a fault that cannot happen in the environment is refused with the reason", async () => {
    await expect(simulated({ in: "staging", faults: ["rejected"] })).rejects.toMatchObject({
      failure: { code: "USAGE", message: expect.stringContaining("needs no approval") },
    });
    await expect(simulated({ first: true, faults: ["router-reverts"] })).rejects.toMatchObject({
      failure: { code: "USAGE", message: expect.stringContaining("--first") },
    });
  });
});

describe("nothing real", () => {
  test("W4 nothing in the project's folder changes, not even in .git", async () => {
    const before = everything();
    await simulated();
    await simulated({ faults: ["bad-release"], migrations: 2 });

    expect(everything()).toEqual(before);
  });

  test("W4 K1 a secret's text is in nothing that a simulation says", async () => {
    const found = await simulated({ migrations: 1 });
    const said = JSON.stringify({ ...found, files: [...found.files] });

    expect(said).not.toContain(sentinel);
    expect(found.commands.map(({ words }) => words)).toContain(
      "API_KEY=[API_KEY] SLUICE_VERSION=v1.2.0 node server.mjs --port {port}",
    );
  });

  test("W4 what is kept is the deployment's folder, and its record says that it was simulated", async () => {
    const found = await simulated({ in: "staging" });
    await keepSimulation(found);
    const kept = join(folder, "deployment-logs", found.deploymentId);
    const record = JSON.parse(readFileSync(join(kept, "deployment-record.json"), "utf8"));
    const files = readdirSync(kept);
    rmSync(join(folder, "deployment-logs"), { recursive: true });

    expect(found.deploymentId).toMatch(/^simulated-/);
    expect(record).toMatchObject({ simulated: true, outcome: "succeeded" });
    expect(files).toEqual(expect.arrayContaining(["plan.json", "deployment.log", "rollback-instructions.md"]));
  });
});

describe("the configuration that was given", () => {
  test("W4 a strict environment with 48 h for approvals takes seconds, to its end and to its expiry", async () => {
    const startedAtMs = performance.now();
    const succeeded = await simulated();
    const wholeMs = performance.now() - startedAtMs;
    const expired = await simulated({ faults: ["expired"] });

    expect(succeeded.outcome).toBe("succeeded");
    expect(succeeded.endedAtMs - succeeded.startedAtMs).toBeGreaterThan(45 * 60_000);
    expect(wholeMs).toBeLessThan(3_000);
    expect(expired.endedAtMs - expired.startedAtMs).toBeGreaterThan(48 * 3_600_000);
    expect(performance.now() - startedAtMs).toBeLessThan(15_000);
  });

  test("W4 a tag of the repository is simulated as it is, with its commit and its subject", async () => {
    const { plan, assumptions } = await simulated();

    expect(plan?.plan.release).toMatchObject({ commit: git("rev-parse", "v1.2.0"), subject: "Faster checkout" });
    expect(assumptions.join(" ")).not.toContain("invented");
  });

  test("W4 what is missing is assumed and said: a version, secrets, uncommitted paths", async () => {
    const file = join(folder, "uncommitted.txt");
    writeFileSync(file, "");
    const dirty = await simulated({ environment: {} });
    rmSync(file);
    const unknown = await simulated({ name: "v9.9.9" });

    expect(dirty.outcome).toBe("succeeded");
    expect(dirty.assumptions.join(" ")).toMatch(/1 uncommitted path.*would be refused.*API_KEY/);
    expect(unknown.assumptions.join(" ")).toContain("the repository has no tag of this name");
    expect(unknown.outcome).toBe("succeeded");
  });

  test("W4 a name that the environment does not allow is refused as a deployment would be", async () => {
    const { outcome, failure } = await simulated({ name: "not-a-version" });

    expect([outcome, failure?.code]).toEqual(["refused", "REF_INVALID"]);
  });

  test("W4 without a version, and without one that serves, there is one step to all of the traffic", async () => {
    const { outcome, version, replaces, events } = await simulated({ name: undefined, first: true });

    expect([outcome, version, replaces]).toEqual(["succeeded", "v1.1.0", null]);
    expect(events.filter(({ detail }) => (detail as { shifted?: boolean } | null)?.shifted)).toHaveLength(1);
  });

  test("W4 approvals that the configuration makes impossible expire, as they would", async () => {
    const settings = openProject(folder).settings("production");
    const { outcome } = await simulate(
      { ...settings, approvals: { ...settings.approvals, approvers: ["ada", "bob"], timeoutMs: 60_000 } },
      {
        projectFolder: folder,
        name: "v1.2.0",
        faults: [],
        startedBy: "ada",
        first: false,
        requestsPerSecond: 50,
        errorRate: 0,
        migrations: 0,
        environment: {},
        startMs,
        signal: new AbortController().signal,
      },
    );

    expect(outcome).toBe("expired");
  });

  test("W4 the same simulation tells the same story", async () => {
    const story = async () => (await simulated({ faults: ["bad-release", "killed"] })).events.map(({ hash }) => hash);

    expect(await story()).toEqual(await story());
  });

  test("W4 a simulation that is interrupted ends at once", async () => {
    const interruption = new AbortController();
    interruption.abort(new Error("interrupted"));

    await expect(simulated({ signal: interruption.signal })).rejects.toThrow();
  });
});
