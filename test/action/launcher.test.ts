/** W2 P6 D7: the Action as GitHub starts it, with this checkout's command line and a real small project. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launcherText } from "../../scripts/bundle-action.ts";
import { eventually } from "../e2e/processes.ts";
import { jsonLines, type TinyProject, tinyProject, told } from "../e2e/project.ts";
import { commandsIn, type GithubMachine, githubMachine, type RunningJob, wouldBeCommands } from "./github-job.ts";

const launcher = join(import.meta.dirname, "../../action/launcher.cjs");

test("the committed launcher is what its source says (else: node scripts/bundle-action.ts)", async () => {
  expect(readFileSync(launcher, "utf8")).toBe(await launcherText());
});

const rollout =
  "{ steps: [{ percent: 50, bake: 500ms }, { percent: 100, bake: 200ms }], checkEvery: 100ms, settle: 0s, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 5 }, unknownFor: 5s, unattended: 10s, keepStable: 0s, verdict: { bucket: 250ms, grace: 250ms } }";
const approvals = "{ required: 1, wait: 0s, acceptDeclared: true, approvers: [grace] }";

describe("W2 the Action with a real project", { timeout: 180_000 }, () => {
  let project: TinyProject;
  let machine: GithubMachine;
  const begin = (inputs: Readonly<Record<string, string>>): RunningJob =>
    machine.begin({ environment: "production", project: project.folder, ...inputs });
  const deploy = (release: string, inputs: Readonly<Record<string, string>> = {}) =>
    begin({ command: "deploy", release, ...inputs }).ended;

  beforeAll(async () => {
    machine = githubMachine();
    project = await tinyProject({ environment: { rollout } });
  }, 120_000);
  afterAll(async () => {
    machine?.remove();
    await project?.stop();
  }, 120_000);

  test("D7 T3 a success: followed live, outputs, summary, the files in folders with the sources' names", async () => {
    const ended = await deploy("v1.0.0");

    expect(ended.code, ended.told).toBe(0);
    const { deployment = "", artifacts = "" } = ended.outputs;
    expect(ended.outputs).toMatchObject({ outcome: "succeeded", version: "v1.0.0", code: "0" });
    expect(deployment).toMatch(/^\d{10}-[0-9a-f]{12}$/);
    expect(readdirSync(artifacts)).toEqual(
      expect.arrayContaining(["deployment-logs", "deployment-record", "rollout-logs", "smoke-test-logs"]),
    );
    expect(existsSync(join(artifacts, "deployment-record", "deployment-record.json"))).toBe(true);
    expect(ended.lines.join("\n")).toMatch(
      /asked for by ada[\s\S]*which stays.*it goes on[\s\S]*cancels the deployment/,
    );
    expect(ended.lines.join("\n")).toMatch(/\+\d+\.\ds ✓ rollout/);
    expect(ended.summary).toContain("## It serves.");
    expect(ended.summary).toContain(`<code>${deployment}</code>`);
    expect(commandsIn(ended.lines).filter((line) => line.startsWith("::error"))).toEqual([]);
  });

  test("what must outlive the job does not carry the mark by which a runner ends what a job has left", async () => {
    const serving = (await project.processes()).filter(({ kind }) => kind === "router" || kind === "instance");

    expect(serving.map(({ kind }) => kind).toSorted()).toEqual(["instance", "router"]);
    if (!existsSync("/proc/self/environ"))
      return console.warn("skipped: the variables of processes, since there is no /proc");
    for (const { pid } of serving)
      expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("github_of_this_job");
  });

  test("X1 D2 a release that fails is a red job with 4, an annotation, and the report in the summary", async () => {
    const ended = await deploy("v1.2.0");

    expect(ended.code, ended.told).toBe(4);
    expect(ended.outputs).toMatchObject({ outcome: "rolled-back", version: "v1.2.0", code: "4" });
    const errors = commandsIn(ended.lines).filter((line) => line.startsWith("::error"));
    expect(errors.at(-1)).toMatch(
      /title=Sluice%2C v1\.2\.0 to production%3A rolled-back::It was rolled back\. The version before serves\.%0A/,
    );
    expect(errors.length).toBeLessThanOrEqual(10);
    expect(ended.summary).toMatch(/# v1\.2\.0 in production: rolled-back/);
    expect(readdirSync(ended.outputs["artifacts"] ?? "")).toContain("deployment-failure-report");
    expect((await project.ask())?.version).toBe("v1.0.0");
  });

  test("P5 W3 what is refused or wrong begins nothing: 3 for a tag that is not there, 2 for a bad configuration", async () => {
    const unknown = await deploy("v9.9.9");
    await project.configure({ rollout: "{ steps: [{ percent: 500 }] }" });
    const bad = await deploy("v1.1.0");
    const checked = await begin({ command: "validate" }).ended;
    await project.configure({});

    expect(unknown.code, unknown.told).toBe(3);
    expect(unknown.outputs).toMatchObject({ deployment: "", outcome: "error", code: "3", artifacts: "" });
    expect(commandsIn(unknown.lines).join("\n")).toMatch(/::error .*TAG_NOT_FOUND/);
    expect(bad.code, bad.told).toBe(2);
    expect(commandsIn(bad.lines).join("\n")).toMatch(/::error file=sluice\.yaml,line=\d+,title=/);
    expect(checked.code, checked.told).toBe(2);
    expect(checked.summary).toContain("Exit code 2.");
  });

  test("P3 it leaves at the approval with 8 and says how to go on; a later job follows it to its end", async () => {
    await project.configure({ approvals });
    const waiting = await deploy("v1.1.0");
    expect(waiting.code, waiting.told).toBe(8);
    const { deployment = "" } = waiting.outputs;
    expect(waiting.outputs).toMatchObject({ outcome: "waiting", version: "v1.1.0", code: "8" });
    expect(waiting.summary).toContain(`sluice approve ${deployment}`);
    expect(commandsIn(waiting.lines).join("\n")).toMatch(
      /::warning .*waiting::It waits for approval and has not been deployed/,
    );
    const approved = await project.sluiceAs("grace", "approve", deployment);
    expect(approved.exitCode, told(approved)).toBe(0);

    const later = await begin({ command: "deploy", deployment }).ended;
    await project.configure({});

    expect(later.code, later.told).toBe(0);
    expect(later.outputs).toMatchObject({ deployment, outcome: "succeeded", code: "0" });
    expect((await project.ask())?.version).toBe("v1.1.0");
  });

  const untilTold = (job: RunningJob, words: RegExp) =>
    eventually(`${words} in the log`, () => job.lines.find((line) => words.test(line)), 60_000);

  test("P4 a cancelled job cancels its deployment, and is there until it is undone", async () => {
    await project.configure({ approvals });
    const job = begin({ command: "deploy", release: "v1.0.0", cancel: "cancel" });
    await untilTold(job, /deployment \d{10}-/);

    job.child.kill("SIGTERM");
    const ended = await job.ended;
    await project.configure({});

    // It may have come to its approval before the signal did, and left.
    const { deployment = "" } = ended.outputs;
    expect([8, 9], ended.told).toContain(ended.code);
    if (ended.code === 9) expect(ended.outputs).toMatchObject({ outcome: "cancelled" });
    else await project.sluice("cancel", deployment, "--reason", "the test is over");
    expect((await project.ask())?.version).toBe("v1.1.0");
  });

  test("a cancelled job that only follows leaves with 130, and the deployment goes on to its end", async () => {
    const job = begin({ command: "deploy", release: "v1.0.0", cancel: "detach" });
    await untilTold(job, /deployment \d{10}-/);

    job.child.kill("SIGTERM");
    const ended = await job.ended;

    expect(ended.code, ended.told).toBe(130);
    const { deployment = "" } = ended.outputs;
    expect(ended.outputs).toMatchObject({ outcome: "detached", code: "130" });
    expect(ended.summary).toContain("How it ends is not known here.");
    const followed = await project.sluice("logs", deployment, "--follow", "--json");
    expect(followed.exitCode, told(followed)).toBe(0);
    expect(jsonLines(followed).at(-1)).toMatchObject({ outcome: "succeeded" });
  });

  test("X3 a rollback needs its reason and its word, which are never taken for options", async () => {
    const bare = await begin({ command: "rollback" }).ended;
    const wrong = await begin({ command: "rollback", reason: "--emergency", confirm: "yes" }).ended;
    const ended = await begin({
      command: "rollback",
      reason: "checkout is broken",
      confirm: "ROLLBACK",
      cancel: "detach",
    }).ended;

    expect(bare.code, bare.told).toBe(2);
    expect(bare.told).toContain("reason and confirm must be given");
    expect(wrong.code, wrong.told).toBe(3);
    expect(ended.code, ended.told).toBe(0);
    expect((await project.ask())?.version).toBe("v1.1.0");
  });

  test("K1 a message of a commit with line breaks and workflow commands in it commands nothing", async () => {
    const message = "fix\n::error::owned\n  ::set-output name=code::0\n##[error]owned\n::add-mask::v";
    writeFileSync(join(project.folder, "note"), "");
    await project.git("add", "--all");
    await project.git("commit", "--quiet", "--message", message);
    await project.git("tag", "--annotate", "--message", message, "v1.6.0");

    const ended = await deploy("v1.6.0");
    const shown = await begin({ command: "status" }).ended;

    // Its tree answers as another version, so that it also fails: its errors are told as annotations.
    expect(ended.code, ended.told).toBe(1);
    for (const { lines, told: text } of [ended, shown]) {
      expect(
        commandsIn(lines).filter((line) => !/^::(warning|error|notice) (file=|title=)/.test(line)),
        text,
      ).toEqual([]);
      expect(wouldBeCommands(lines).filter((line) => !/^::(warning|error|notice) (file=|title=)/.test(line))).toEqual(
        [],
      );
    }
    expect(ended.outputs["code"]).toBe(String(ended.code));
  });
});

describe("W2 the Action with a simulated command line", { timeout: 60_000 }, () => {
  const ends = (lines: readonly object[], exitCode: number) =>
    `for (const line of ${JSON.stringify(lines)}) console.log(JSON.stringify(line));\nprocess.exitCode = ${exitCode};\n`;
  const asked = { command: "deploy", environment: "production", release: "v1.0.0" };

  test("what is larger than GitHub takes is cut, and says so", async () => {
    const events = Array.from({ length: 40 }, (_, at) => ({
      type: "event",
      atMs: at,
      step: "smoke",
      phase: "end",
      tone: "bad",
      title: `${at}: ::error::a\r\n##[error]${"x".repeat(9_000)}`,
    }));
    const ended = { type: "ended", deployment: "d-1", version: "v1.0.0", outcome: "failed" };
    const report = `import { mkdirSync, writeFileSync } from "node:fs";
mkdirSync("report", { recursive: true });
writeFileSync("report/failure-report.md", ("| " + "ä".repeat(98) + " |\\n").repeat(12_000));
console.log(JSON.stringify({ type: "ended", folder: process.cwd() + "/report" }));
`;
    const machine = githubMachine(report + ends([...events, ended], 1));
    try {
      const end = await machine.run({ ...asked, project: machine.toolCache });
      const errors = commandsIn(end.lines).filter((line) => line.startsWith("::error"));

      expect(end.code, end.told.slice(0, 3_000)).toBe(1);
      expect(Buffer.byteLength(end.summary)).toBeLessThanOrEqual(1024 * 1024);
      expect(Buffer.byteLength(end.summary)).toBeGreaterThan(1024 * 1024 - 1_000);
      expect(end.summary.slice(-200)).toContain("… cut: GitHub takes no more.");
      expect(errors).toHaveLength(10);
      expect(Math.max(...errors.map((line) => line.length))).toBeLessThan(4_500);
      expect(errors.every((line) => !/[\r\n]/.test(line))).toBe(true);
      expect(wouldBeCommands(end.lines).filter((line) => !line.startsWith("::error title="))).toEqual([]);
    } finally {
      machine.remove();
    }
  });

  test("U1 the version is one exact version, and anything else starts nothing", async () => {
    const machine = githubMachine('throw new Error("it was started");\n');
    try {
      for (const version of [
        "latest",
        "^1.0.0",
        "1.x",
        "1.0",
        "",
        ">=1.0.0",
        "1.0.0 || 2.0.0",
        "npm:other@1.0.0",
        "--help",
      ]) {
        const end = await machine.run({ ...asked, version });

        expect(end.code, `${version}: ${end.told}`).toBe(2);
        expect(end.told).toContain("one exact version");
        expect(end.told).not.toContain("it was started");
      }
    } finally {
      machine.remove();
    }
  });

  test("a runner that is thrown away needs a database that stays", async () => {
    const machine = githubMachine(ends([], 0));
    const hosted = { RUNNER_ENVIRONMENT: "github-hosted" };
    try {
      const without = await machine.run(asked, hosted);
      const within = await machine.run(asked, {
        ...hosted,
        SLUICE_DATABASE_URL: "postgresql://u:secret@db.example/ledger",
      });

      expect(without.code, without.told).toBe(2);
      expect(without.told).toContain("SLUICE_DATABASE_URL");
      expect(within.code, within.told).toBe(0);
      expect(within.told).toContain("nobody goes on with the deployment until somebody types `sluice resume`");
      expect(within.told).not.toContain("secret");
    } finally {
      machine.remove();
    }
  });
});
