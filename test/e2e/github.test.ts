/**
 * N2 T4 T7: whole deployments by the command line, with real `sluice` processes, told to a SIMULATED GitHub (test/github) that holds
 * every request and answer against GitHub's official description. Where the process dies in the middle of telling, nothing is there twice.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../src/testing/real-clock.ts";
import { deployDetached } from "../crash/evidence.ts";
import { hasDescription, type Opened, openGithub, token } from "../github/opened.ts";
import { checkOn, type SimulatedDeployment } from "../github/world.ts";
import { eventually, signal } from "./processes.ts";
import { jsonLines, type TinyProject, textBelow, tinyProject, told } from "./project.ts";

/** Three deployments on a machine that does much else. */
const limitMs = 240_000;
const r = "/repos/{owner}/{repo}";

describe.skipIf(!hasDescription)("whole deployments at GitHub (simulated)", { timeout: 2 * limitMs }, () => {
  let project: TinyProject;
  let at: Opened;

  beforeAll(async () => {
    at = await openGithub();
    project = await tinyProject({
      load: 40,
      variables: { GITHUB_TOKEN: token },
      environment: {
        checks: "{ ci: block, load: off, memory: off, clean-tree: block }",
        ci: "{ checks: [lint], timeout: 1s }",
        notify: "[github]",
        lock: "{ lease: 1s, heartbeat: 200ms }",
      },
      more: [
        "secrets: { GITHUB_TOKEN: { env: GITHUB_TOKEN } }",
        `github: { repository: acme/shop, url: "${at.options.url}", token: { secret: GITHUB_TOKEN } }`,
        "notify: { github: { kind: github, labels: [sluice-incident, production] } }",
      ],
    });
    await push(project, at);
  }, limitMs);
  afterAll(async () => {
    await project?.stop();
    await at?.github[Symbol.asyncDispose]();
  }, limitMs);

  const deploymentsOf = async (tag: string): Promise<readonly SimulatedDeployment[]> => {
    const sha = await project.git("rev-parse", `${tag}^{commit}`);
    return at.repository.deployments.filter((each) => each.sha === sha);
  };
  const statesOf = async (tag: string): Promise<readonly string[]> =>
    (await deploymentsOf(tag)).flatMap(({ statuses }) => statuses.map(({ state }) => state));
  const commitStates = async (tag: string): Promise<readonly string[]> => {
    const sha = await project.git("rev-parse", `${tag}^{commit}`);
    const ours = at.repository.statuses.filter((status) => status.sha === sha);
    return ours.map(({ context, state }) => `${context} ${state}`);
  };
  const untilState = (tag: string, state: string) =>
    eventually(`${state} of ${tag}`, async () => (await statesOf(tag)).includes(state), limitMs);

  test("T4 N2 a success: checks asked, one deployment with its statuses, the commit's status, the release", async () => {
    const ran = await project.sluice("deploy", "production", "v1.0.0", "--json");

    expect(ran.exitCode, told(ran)).toBe(0);
    await until(() => at.repository.releases.length > 0, "the release", limitMs);
    expect(await statesOf("v1.0.0")).toEqual(["in_progress", "success"]);
    expect(await commitStates("v1.0.0")).toEqual(["sluice/production pending", "sluice/production success"]);
    expect(at.repository.releases).toMatchObject([{ tag: "v1.0.0", prerelease: false }]);
    expect(at.repository.releases[0]?.body).toMatch(/What's Changed[\s\S]*`v1\.0\.0` serves in `production`/);
    expect(at.repository.issues).toEqual([]);
    expect(ran.stdout).toContain('"account":"ada-at-github"');
  });

  test("N2 Z1 a failure, with kill -9 when the issue is made: one issue with report and labels, nothing twice", async () => {
    const before = at.repository.issues.length;
    at.github.faults.push({ route: `POST ${r}/issues`, dropAnswer: true });
    const { id, worker } = await deployDetached(project, "v1.2.0");

    await until(() => at.repository.issues.length > before, "an issue", limitMs);
    signal(worker.pid, "SIGKILL");
    await untilState("v1.2.0", "failure");
    await project.settled();

    expect(await statesOf("v1.2.0")).toEqual(["in_progress", "failure"]);
    expect(await deploymentsOf("v1.2.0")).toMatchObject([{ payload: { sluice: id } }]);
    expect((await commitStates("v1.2.0")).at(-1)).toBe("sluice/production failure");
    const open = at.repository.issues.filter(({ state, body }) => state === "open" && body.includes(id));
    expect(open).toMatchObject([{ labels: ["sluice-incident", "production"], comments: [] }]);
    expect(open[0]?.body).toContain("**Report**");
    expect(open[0]?.body).not.toContain(token);
  });

  test("N2 Z1 the next success, with kill -9 in its middle: told once each, and it closes the issue", async () => {
    at.github.faults.push({ route: `POST ${r}/deployments`, dropAnswer: true });
    const { id, worker } = await deployDetached(project, "v1.1.0");

    await eventually("the deployment", async () => (await deploymentsOf("v1.1.0")).length > 0, limitMs);
    expect(signal(worker.pid, "SIGKILL"), "the worker was there").toBe(true);
    await untilState("v1.1.0", "success");
    await project.settled();

    expect(await deploymentsOf("v1.1.0")).toMatchObject([{ payload: { sluice: id } }]);
    expect(await statesOf("v1.1.0")).toEqual(["in_progress", "success"]);
    expect(await commitStates("v1.1.0")).toEqual(["sluice/production pending", "sluice/production success"]);
    expect(at.repository.releases.map(({ tag }) => tag)).toEqual(["v1.0.0", "v1.1.0"]);
    expect(at.repository.issues.map(({ state }) => state)).not.toContain("open");
    const closing = at.repository.issues.flatMap(({ comments }) => comments).filter(({ body }) => body.includes(id));
    expect(closing).toHaveLength(1);
  });

  test("K1 the token stands in no file and no answer", async () => {
    const status = await project.sluice("status", "production", "--json");

    expect(status.stdout).not.toContain(token);
    expect(textBelow(project.logsFolder)).not.toContain(token);
    expect(jsonLines(status).length).toBeGreaterThan(0);
  });
});

/** The project's commits and tags appear at GitHub; `lint` has passed for each. */
async function push({ git }: TinyProject, { repository }: Opened): Promise<void> {
  const tags = (await git("tag", "--list")).split("\n");
  let parent: string | null = null;
  for (const tag of tags) {
    const sha = await git("rev-parse", `${tag}^{commit}`);
    const message = await git("log", "-1", "--format=%B", sha);
    const who = { author: "Ada", email: "ada@tiny.example", login: "ada-at-github" };
    repository.commits.set(sha, { sha, message, ...who, atMs: Date.UTC(2026, 10, 21), parent });
    repository.refs.set(`tags/${tag}`, { sha, annotated: true });
    checkOn(repository, sha, "lint", "success");
    parent = sha;
  }
}
