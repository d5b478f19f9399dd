/** Against a SIMULATED GitHub (test/github), which holds each request and answer against GitHub's official description. */
import { describe, expect, test } from "vitest";
import { closeAfterEach, hasDescription, type Opened, openGithub } from "../../../test/github/opened.ts";
import { commitTo, type SimulatedIssue } from "../../../test/github/world.ts";
import type { ForgeTopic } from "../../domain/forge-settings.ts";
import type { Notification, NotificationKind } from "../../domain/notification.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { githubForge } from "../github/forge.ts";
import { type ForgeNotifierOptions, forgeNotifier } from "./notifier.ts";

const never = new AbortController().signal;
const labels = ["sluice-incident", "production"];

const channel = (
  { options }: Opened,
  topics: readonly ForgeTopic[],
  more: Partial<ForgeNotifierOptions> = {},
): Notifier => {
  const forge = githubForge({ ...options, patienceMs: 0 });
  return forgeNotifier({
    name: "github",
    forge,
    topics,
    labels,
    workflows: [],
    ...more,
  });
};

const notified = (sha: string, kind: NotificationKind, change: Partial<Notification> = {}): Notification => ({
  kind,
  atMs: Date.UTC(2026, 10, 20),
  project: "shop",
  environment: "production",
  environmentUrl: "https://shop.example",
  deploymentId: "1795000000-abc",
  version: "v1.2.0",
  commit: sha,
  title: `v1.2.0 in production: ${kind}`,
  message: "3 of 10 requests failed.",
  backup: "b-1",
  rollbackMinutesLeft: null,
  next: "sluice status production",
  ...change,
});

const open = (opened: Opened): readonly SimulatedIssue[] =>
  opened.repository.issues.filter(({ state }) => state === "open");

describe.skipIf(!hasDescription)("issues at GitHub (simulated)", () => {
  closeAfterEach();

  test("N2 one issue for each incident, with the report and the labels, closed by the next success", async () => {
    const opened = await openGithub();
    const report = "# What failed\n\nthe smoke check";
    const github = channel(opened, ["issues"]);

    await github.tell(notified(opened.sha, "failed", { report }), "1/failed", never);
    await github.tell(notified(opened.sha, "rolled-back"), "2/rolled-back", never);
    const [incident] = opened.repository.issues;
    expect(open(opened)).toHaveLength(1);
    expect(incident?.labels).toEqual(labels);
    expect(incident?.body).toContain("# What failed\n\nthe smoke check");
    expect(incident?.comments).toHaveLength(1);

    await github.tell(notified(opened.sha, "succeeded"), "3/succeeded", never);
    expect(incident).toMatchObject({ state: "closed", reason: "completed" });
    expect(incident?.comments.at(-1)?.body).toContain("`v1.2.0` serves in `production`");

    await github.tell(notified(opened.sha, "failed"), "4/failed", never);
    expect(opened.repository.issues.map(({ state }) => state)).toEqual(["closed", "open"]);
  });

  test("N2 told again after a crash between opening and writing it down, it opens and adds nothing", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["issues"]);
    const tell = (kind: NotificationKind, key: string) => github.tell(notified(opened.sha, kind), key, never);

    opened.github.faults.push({ route: "POST /repos/{owner}/{repo}/issues", dropAnswer: true });
    await expect(tell("failed", "1/failed")).rejects.toMatchObject({ failure: { code: "FORGE_UNREACHABLE" } });
    await tell("failed", "1/failed");
    await tell("rolled-back", "2/rolled-back");
    await tell("rolled-back", "2/rolled-back");

    expect(opened.repository.issues).toHaveLength(1);
    expect(opened.repository.issues[0]?.comments).toHaveLength(1);
  });

  test("N2 closed by a person, or over when it is told, it is not opened again", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["issues"]);
    await github.tell(notified(opened.sha, "failed"), "1/failed", never);
    for (const issue of opened.repository.issues) issue.state = "closed";

    await github.tell(notified(opened.sha, "failed"), "1/failed", never);
    await github.tell(notified(opened.sha, "failed"), "2/failed", never, { thread: null, isOver: true });

    expect(opened.repository.issues).toHaveLength(1);
  });

  test("N2 of two machines that open one at the same time, one stays open", async () => {
    const opened = await openGithub();

    await Promise.all(
      ["1/failed", "2/failed", "3/failed"].map((key) =>
        channel(opened, ["issues"]).tell(notified(opened.sha, "failed"), key, never),
      ),
    );

    expect(open(opened).map(({ number }) => number)).toEqual([1]);
  });

  test("N2 a second issue that was opened while GitHub's list lagged is closed by the next entry", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["issues"]);
    await github.tell(notified(opened.sha, "failed"), "1/failed", never);
    const [first] = opened.repository.issues;
    opened.repository.issues.push({ ...(first as SimulatedIssue), number: 2, comments: [] });

    await github.tell(notified(opened.sha, "rolled-back"), "2/rolled-back", never);

    expect(opened.repository.issues.map(({ state, reason }) => `${state} ${reason}`)).toEqual([
      "open null",
      "closed not_planned",
    ]);
  });

  test("N2 another environment has an incident of its own, and a stranger's issue that looks like ours is left alone", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["issues"]);
    await github.tell(notified(opened.sha, "failed"), "1/failed", never);
    const [ours] = opened.repository.issues;
    const copy = { ...(ours as SimulatedIssue), number: 2, labels: [], by: "mallory", comments: [] };
    opened.repository.issues.push(copy);
    await github.tell(notified(opened.sha, "failed", { environment: "staging" }), "2/failed", never);

    await github.tell(notified(opened.sha, "succeeded"), "3/succeeded", never);

    expect(open(opened).map(({ number }) => number)).toEqual([2, 3]);
    expect(copy.comments).toEqual([]);
  });

  test("N2 what others wrote mentions nobody, ends no block and forges no mark", async () => {
    const opened = await openGithub();
    const message = "@acme/everyone ```` <!-- sluice:event 9%2Ffailed --> fixes #1\r\n::add-mask::x ümläut \u202e";
    const github = channel(opened, ["issues"]);
    const report = "```\n@acme/everyone\n```";

    await github.tell(notified(opened.sha, "failed", { message, report, version: "v1|`@x`" }), "1/failed", never);

    const body = opened.repository.issues[0]?.body ?? "";
    const outside = body.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, "").replace(/`[^`\n]*`/g, "");
    expect(outside).not.toMatch(/@acme|@x|fixes|9%2F/);
    expect(body).toContain("ümläut");
    expect(body).not.toMatch(/\r|\u202e/);
  });

  test("N2 a report that is larger than GitHub takes is cut visibly, with where the whole lies", async () => {
    const opened = await openGithub();
    const report = `${"line with a \u{1F600}\n".repeat(20_000)}the end`;
    const github = channel(opened, ["issues"]);

    await github.tell(notified(opened.sha, "failed", { report }), "1/failed", never);
    await github.tell(notified(opened.sha, "failed", { report }), "1/failed", never);

    const body = opened.repository.issues[0]?.body ?? "";
    expect(body.length).toBeLessThanOrEqual(65_536);
    expect(body).toContain("**Cut here**");
    expect(body).toContain("in the folder of the deployment");
    expect(body).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
    expect((body.match(/^`{3,}/gm) ?? []).length % 2).toBe(0);
    expect(opened.repository.issues).toHaveLength(1);
  });

  test("N2 a test by hand opens an issue and closes it, and leaves the incident alone", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["issues"]);
    await github.tell(notified(opened.sha, "failed"), "1/failed", never);

    await github.tell(notified(opened.sha, "test"), "2/test", never);

    expect(opened.repository.issues.map(({ state }) => state)).toEqual(["open", "closed"]);
  });

  test("N2 a token that may not write issues, or not label them, is told by what it lacks", async () => {
    const permissions = { issues: "read" } as const;
    const reading = await openGithub({ grant: { kind: "fine-grained", login: "a", permissions } });
    const unable = channel(reading, ["issues"]).tell(notified(reading.sha, "failed"), "1/failed", never);
    await expect(unable).rejects.toMatchObject({
      failure: { code: "FORGE_REFUSED", remedy: "operator", message: expect.stringContaining("issues=write") },
    });

    const opened = await openGithub();
    opened.repository.dropsLabels = true;
    const unlabelled = channel(opened, ["issues"]).tell(notified(opened.sha, "failed"), "1/failed", never);
    await expect(unlabelled).rejects.toThrow("without the label sluice-incident");
  });
});

describe.skipIf(!hasDescription)("deployments and releases at GitHub (simulated)", () => {
  closeAfterEach();

  test("N2 a deployment and the commit's status follow it from its beginning to its end, each told once", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["deployments", "statuses"]);
    const story: readonly NotificationKind[] = [
      "started",
      "awaiting-approval",
      "approved",
      "stage-passed",
      "succeeded",
    ];

    for (const kind of [...story, "succeeded" as const]) {
      await github.tell(notified(opened.sha, kind), `1/${kind}`, never);
    }

    const [deployment] = opened.repository.deployments;
    expect(opened.repository.deployments).toHaveLength(1);
    expect(deployment).toMatchObject({
      sha: opened.sha,
      environment: "production",
      payload: { sluice: "1795000000-abc" },
    });
    expect(deployment?.statuses.map(({ state }) => state)).toEqual(["in_progress", "queued", "in_progress", "success"]);
    expect(opened.repository.statuses.map(({ state, context }) => `${context} ${state}`)).toEqual([
      ...["pending", "pending", "pending", "success"].map((state) => `sluice/production ${state}`),
    ]);
  });

  test.each([
    ["rolled-back", "failure"],
    ["quarantined", "error"],
    ["superseded", "inactive"],
  ] as const)("N2 %s is shown as %s", async (kind, state) => {
    const opened = await openGithub();

    await channel(opened, ["deployments"]).tell(notified(opened.sha, kind), "1", never);

    expect(opened.repository.deployments[0]?.statuses).toMatchObject([{ state }]);
  });

  test("N2 a deployment that was made, but nobody heard of it, is found again", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["deployments"]);
    opened.github.faults.push({ route: "POST /repos/{owner}/{repo}/deployments", dropAnswer: true });

    await expect(github.tell(notified(opened.sha, "started"), "1", never)).rejects.toThrow("was not reached");
    await github.tell(notified(opened.sha, "started"), "1", never);

    expect(opened.repository.deployments).toHaveLength(1);
  });

  test("N2 one entry that GitHub refuses keeps none of the others from being made", async () => {
    const opened = await openGithub();
    opened.github.faults.push({ route: "GET /repos/{owner}/{repo}/deployments", status: 500 });
    const github = channel(opened, ["deployments", "statuses", "issues"]);

    await expect(github.tell(notified(opened.sha, "failed"), "1", never)).rejects.toThrow("answered 500");

    expect(opened.repository.statuses).toHaveLength(1);
    expect(opened.repository.issues).toHaveLength(1);
  });

  test("N2 the release of the tag gets notes and our part; what people wrote stays, and a second environment adds its own", async () => {
    const opened = await openGithub();
    opened.repository.refs.set("tags/v1.2.0", { sha: opened.sha, annotated: true });
    const github = channel(opened, ["releases"]);
    await github.tell(notified(opened.sha, "succeeded"), "1", never);
    const made = opened.repository.releases[0]?.body ?? "";
    expect(made).toMatch(/## What's Changed[\s\S]*`v1\.2\.0` serves in `production`/);

    const written = made.replace("## What's Changed", "## By hand, with ümläuts");
    opened.repository.releases[0] = { ...opened.repository.releases[0]!, body: written };
    await github.tell(notified(opened.sha, "succeeded", { deploymentId: "2" }), "2", never);
    await github.tell(notified(opened.sha, "succeeded", { environment: "eu" }), "3", never);

    const body = opened.repository.releases[0]?.body ?? "";
    expect(body).toContain("## By hand, with ümläuts");
    expect(body.match(/serves in `production`/g)).toHaveLength(1);
    expect(body).toMatch(/\(`2`\)[\s\S]*serves in `eu`/);
  });

  test("N2 a tag that stands for another commit at GitHub is left alone and told; a missing one is no release", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["releases"]);
    await github.tell(notified(opened.sha, "succeeded"), "1", never);
    expect(opened.repository.releases).toEqual([]);

    opened.repository.refs.set("tags/v1.2.0", { sha: commitTo(opened.repository, "moved"), annotated: false });
    const told = github.tell(notified(opened.sha, "succeeded"), "2", never);

    await expect(told).rejects.toMatchObject({
      failure: { code: "FORGE_REFUSED", message: expect.stringContaining("stands for") },
    });
    expect(opened.repository.releases).toEqual([]);
  });

  test("T10 a success before production publishes the release candidate and starts each declared workflow once", async () => {
    const opened = await openGithub();
    opened.repository.workflows.push("e2e.yml");
    const github = channel(opened, ["candidates"], { workflows: ["e2e.yml"] });
    const staged = notified(opened.sha, "succeeded", { environment: "staging" });
    const dispatches = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";

    opened.github.faults.push({ route: dispatches, dropAnswer: true });
    await expect(github.tell(staged, "1", never)).rejects.toThrow("was not reached");
    await github.tell(staged, "1", never);

    expect(opened.repository.releases).toMatchObject([{ tag: "rc-1.2.0", prerelease: true, commitish: opened.sha }]);
    expect(opened.repository.refs.get("tags/rc-1.2.0")?.sha).toBe(opened.sha);
    expect(opened.repository.runs).toMatchObject([{ workflow: "e2e.yml", ref: "rc-1.2.0", sha: opened.sha }]);
  });

  test("T10 a failed stage before production, or a rollback there, publishes nothing, and a workflow that is not there is told", async () => {
    const opened = await openGithub();
    const github = channel(opened, ["candidates"], { workflows: ["nowhere.yml"] });

    await github.tell(notified(opened.sha, "rolled-back"), "1", never);
    await github.tell(notified(opened.sha, "succeeded", { isRollback: true }), "1b", never);
    expect(opened.repository.releases).toEqual([]);

    await expect(github.tell(notified(opened.sha, "succeeded"), "2", never)).rejects.toThrow("knows no workflow runs");
  });
});
