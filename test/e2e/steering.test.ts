/**
 * R1: a person holds a rollout at its weight, takes the hold back, lets it go on before its time; with the real program. Each
 * deployment waits for an approval first, so that an order can be there before the weight it is for, however slow the machine is.
 */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./processes.ts";
import { type JsonLine, jsonLines, type Ran, type TinyProject, tinyProject, told } from "./project.ts";
import type { TinyRelease } from "./tiny-release.ts";

const bakeMs = 300;
const rollout = `{ steps: [{ percent: 50, bake: ${bakeMs}ms }, { percent: 100, bake: 200ms }], checkEvery: 100ms, settle: 0s, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 5 }, unknownFor: 3s, unattended: 5s, keepStable: 0s, verdict: { bucket: 250ms, grace: 250ms } }`;
const approvals = "{ required: 1, wait: 0s, acceptDeclared: true, approvers: [grace] }";
const healthy = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"].map((tag): TinyRelease => ({ tag, behaviour: "healthy" }));
const releases: readonly TinyRelease[] = [...healthy, { tag: "v1.4.0", behaviour: "fails-half" }];

let project: TinyProject;

interface Line extends JsonLine {
  readonly atMs: number;
}

interface Begun {
  readonly id: string;
  readonly ended: Promise<Ran>;
  untilTold(words: RegExp): Promise<Line>;
  lines(): readonly Line[];
}

/** Followed to its end; its story is read as it is printed. */
async function begin(version: string): Promise<Begun> {
  const { child, ended } = project.start(["deploy", "production", version, "--wait", "--json"]);
  let text = "";
  child.stdout?.on("data", (chunk: string) => {
    text += chunk;
  });
  const lines = () => jsonLines({ stdout: text.slice(0, text.lastIndexOf("\n") + 1) }) as readonly Line[];
  const created = await eventually("it is there", () => lines().find(({ type }) => type === "created"), 60_000);
  const untilTold = (words: RegExp) =>
    eventually(`${words} in the story`, () => lines().find(({ title }) => words.test(title ?? "")), 60_000);
  await untilTold(/^waiting for 1 more approval/);
  return { id: created.deployment ?? "", ended, untilTold, lines };
}

const approve = async (id: string): Promise<void> => {
  const ran = await project.sluiceAs("grace", "approve", id);
  expect(ran.exitCode, told(ran)).toBe(0);
};

beforeAll(async () => {
  project = await tinyProject({ environment: { rollout, approvals }, releases });
  const first = await begin("v1.0.0");
  await approve(first.id);
  const ran = await first.ended;
  expect(ran.exitCode, told(ran)).toBe(0);
}, 120_000);

afterAll(async () => {
  await project?.stop();
});

interface Status {
  readonly deployment: {
    readonly state: string;
    readonly progress: Readonly<Record<string, unknown>>;
    readonly verdict: { readonly kind: string; readonly candidate: { readonly requests: number } } | null;
  };
}

const eventuallyPrints = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    child.stdout?.once("data", resolve);
    child.once("close", () => reject(new Error("it ended before it had shown anything")));
  });

/** W1 Z2: each change once, as an object or as a line; both end with the deployment. */
function expectWatched(json: Ran, text: Ran): void {
  expect({ json: json.exitCode, text: text.exitCode }, told(json) + told(text)).toEqual({ json: 0, text: 0 });
  const looks = jsonLines(json) as unknown as readonly Status[];
  expect(looks.length).toBeGreaterThan(1);
  expect(looks[0]?.deployment).toMatchObject({
    state: "running",
    verdict: {
      candidate: { version: "v1.1.0" },
      stable: { version: "v1.0.0" },
      threshold: expect.closeTo(Math.log(100), 9),
    },
  });
  expect(looks[0]?.deployment.verdict?.candidate.requests).toBeGreaterThan(0);
  expect(looks.at(-1)?.deployment).toMatchObject({ state: "ended", outcome: "succeeded", verdict: null });
  expect(text.stdout).toMatch(/^evidence +\S+ .* of 100, which takes it back$/m);
  expect(text.stdout).toMatch(/^candidate +v1\.1\.0 +\d+ of \d+ requests? failed .*p95 [\d.]+ ms$/m);
  expect(text.stdout).toMatch(/^\d{4}-\d\d-\d\d \S+Z {2}.*evidence \S+ of 100/m);
  expect(text.stdout, "no colour and no cursor movement where nobody watches").not.toContain("\u001b");
}

describe("R1 a rollout is steered by hand", () => {
  test("R1 D4 a pause holds the weight beyond its bake, a promotion ends both, and the audit trail has who and why", {
    timeout: 180_000,
  }, async () => {
    const { id, untilTold, lines, ended } = await begin("v1.1.0");
    const early = await project.sluiceAs("grace", "pause", id, "--reason", "lunch");
    expect(early.exitCode, told(early)).toBe(0);
    expect(early.stdout).toContain("held at its first weight");

    await approve(id);
    const shifted = await untilTold(/^50 % on v1\.1\.0/);
    await untilTold(/^50 %: paused by grace: lunch/);
    const dry = await project.sluice("pause", "production", "--reason", "still eating", "--dry-run");
    const again = await project.sluiceAs("ada", "pause", "production", "--reason", "still eating");
    const held = await untilTold(/^50 %: paused by ada: still eating/);

    expect(dry.stdout, told(dry)).toMatch(/^would pause .*held at 50 %/);
    expect(again.stdout, told(again)).toContain("held at 50 %");
    expect(held.atMs - shifted.atMs, "the bake is over").toBeGreaterThan(bakeMs);
    const status = jsonLines(await project.sluice("status", id, "--json"))[0] as unknown as Status;
    expect(status.deployment).toMatchObject({ state: "running", progress: { percent: 50, paused: { by: "ada" } } });
    const shown = await project.sluice("status", "production");
    expect(shown.stdout).toMatch(/traffic +50 % .*paused by ada/);
    expect(shown.stderr).toContain(`sluice resume ${id}`);

    const watching = project.start(["status", "production", "--watch", "--json"]);
    const reading = project.start(["status", id, "--watch"]);
    await Promise.all([watching, reading].map(({ child }) => eventuallyPrints(child)));
    const promoted = await project.sluiceAs("grace", "promote", "production", "--reason", "it looks good");

    expect(promoted.exitCode, told(promoted)).toBe(0);
    const ran = await ended;
    expect(ran.exitCode, told(ran)).toBe(0);
    const [first] = lines().filter(({ step, phase }) => step === "rollout" && phase === "end");
    expect(first?.title).toMatch(/^50 % let go on by grace/);
    expectWatched(await watching.ended, await reading.ended);
    const audit = jsonLines(await project.sluice("audit", id, "--json"))[0] as unknown as {
      entries: readonly object[];
    };
    expect(audit.entries).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ actor: "grace", action: "pause by hand", reason: "lunch" }),
        expect.objectContaining({ actor: "ada", action: "pause by hand", reason: "still eating" }),
        expect.objectContaining({ actor: "grace", action: "promote by hand", reason: "it looks good" }),
      ]),
    );
  });

  test("R1 resume takes a pause back, and the rollout goes on; a promotion does not stand in for an approval", {
    timeout: 120_000,
  }, async () => {
    const { id, untilTold, ended } = await begin("v1.2.0");
    const promoted = await project.sluice("promote", id, "--reason", "x");
    expect(promoted.exitCode, told(promoted)).toBe(2);
    expect(promoted.stderr).toMatch(/waits for approvals, which a promotion does not replace/);
    expect(promoted.stderr).toContain(`sluice approve ${id}`);
    const paused = await project.sluice("pause", id, "--reason", "wait for the report");
    expect(paused.exitCode, told(paused)).toBe(0);
    await approve(id);
    await untilTold(/^50 %: paused by ada/);

    const dry = await project.sluice("resume", id, "--dry-run");
    const resumed = await project.sluice("resume", id, "--reason", "it is here");

    expect(dry.stdout, told(dry)).toContain("would end the pause by ada (wait for the report)");
    expect(resumed.stdout, told(resumed)).toContain("goes on: the pause by ada (wait for the report) is over");
    const ran = await ended;
    expect(ran.exitCode, told(ran)).toBe(0);
  });
});

describe("an order that has nothing to steer is refused, and nothing is recorded", () => {
  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["a pause of what has ended", ["pause", "production", "--reason", "x"], /not in its rollout \(ended: succeeded\)/],
    ["a promotion of what has ended", ["promote", "production", "--reason", "x"], /not in its rollout \(ended: succ/],
    ["a pause of what nobody knows", ["pause", "nothing-here", "--reason", "x"], /no deployment "nothing-here"/],
  ];

  test.for(refused)("%s", { timeout: 120_000 }, async ([, words, says]) => {
    const actions = async () => (await project.sluice("audit", "--json")).stdout;
    const before = await actions();

    const ran = await project.sluice(...words);

    expect(ran.exitCode, told(ran)).toBe(2);
    expect(ran.stderr).toMatch(says);
    expect(ran.stderr).toMatch(/sluice (status|history)/);
    expect(await actions()).toBe(before);
  });

  test("without a reason it is refused as well: the audit trail needs one", { timeout: 120_000 }, async () => {
    const { id, ended } = await begin("v1.3.0");

    const bare = await project.sluice("pause", id);

    expect(bare.exitCode, told(bare)).toBe(2);
    expect(bare.stderr).toContain("A reason is needed");
    expect((await project.sluice("cancel", id, "--reason", "enough")).exitCode).toBe(0);
    expect((await ended).exitCode).not.toBe(0);
  });
});

test("Z2 O4 a release that was taken back leaves a picture and the whole series, and says after how many requests", {
  timeout: 120_000,
}, async () => {
  const { id, ended } = await begin("v1.4.0");
  await approve(id);

  const ran = await ended;

  expect(ran.exitCode, told(ran)).toBe(4);
  const { caught, folder } = jsonLines(ran).at(-1) as unknown as {
    readonly caught: { readonly requests: number; readonly failed: number; readonly afterMs: number };
    readonly folder: string;
  };
  expect(caught.requests).toBeGreaterThan(0);
  expect(caught.failed).toBeGreaterThan(0);
  expect(caught.failed).toBeLessThanOrEqual(caught.requests);
  expect(readFileSync(join(folder, "verdict.svg"), "utf8")).toContain("v1.4.0 against v1.2.0 in production");
  expect(readFileSync(join(folder, "incident-report.md"), "utf8")).toContain(
    `It was taken back after ${caught.requests} candidate requests, ${caught.failed} of them failed`,
  );
  const record = JSON.parse(readFileSync(join(folder, "deployment-record.json"), "utf8"));
  expect(record.verdict).toMatchObject({ compared: true, candidate: "v1.4.0", stable: "v1.2.0" });
  expect(record.verdict.series.rows.length).toBeGreaterThan(0);
  const shown = await project.sluice("logs", id, "--follow");
  expect(shown.exitCode, "the story of one that has ended ends as it did").toBe(4);
  expect(shown.stdout + shown.stderr, told(shown)).toContain(`after ${caught.requests} candidate requests`);
});
