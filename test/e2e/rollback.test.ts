/** X3: back by hand at the real command line: the reason, the typed word, the dry run, and the way back itself, verified. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type JsonLine, jsonLines, type Ran, type TinyProject, tinyProject, told } from "./project.ts";

let project: TinyProject;
const last = (ran: Ran): JsonLine => jsonLines(ran).at(-1) ?? {};
const reason = ["--reason", "orders fail in the browser"];

beforeAll(async () => {
  project = await tinyProject();
});

afterAll(async () => {
  await project?.stop();
});

const deploy = async (version: string): Promise<void> => {
  const ran = await project.sluice("deploy", "production", version);
  expect(ran.exitCode, told(ran)).toBe(0);
};

test("X3 before anything was deployed there is nothing to go back to (3)", async () => {
  const ran = await project.sluice("rollback", "production", ...reason, "--confirm", "ROLLBACK", "--json");

  expect(ran.exitCode, told(ran)).toBe(3);
  expect(last(ran).error?.code).toBe("ROLLBACK_UNAVAILABLE");
});

test("X3 a dry run shows the way and changes nothing", { timeout: 120_000 }, async () => {
  await deploy("v1.0.0");
  await deploy("v1.1.0");
  project.traffic?.reset();

  const ran = await project.sluice("rollback", "production", ...reason, "--dry-run");

  expect(ran.exitCode, told(ran)).toBe(0);
  expect(ran.stdout).toMatch(/v1\.1\.0.*v1\.0\.0/);
  expect((await project.ask())?.version).toBe("v1.1.0");
});

const refused: readonly (readonly [string, readonly string[]])[] = [
  ["without the word", reason],
  ["with another word", [...reason, "--confirm", "rollback"]],
  ["without a reason", ["--confirm", "ROLLBACK"]],
  ["with an empty reason", ["--reason", " ", "--confirm", "ROLLBACK"]],
  ["to a version that never served", [...reason, "--confirm", "ROLLBACK", "--to", "v1.3.0"]],
];

test.for(refused)("X3 %s it is refused and nothing changes", async ([, args]) => {
  const ran = await project.sluice("rollback", "production", ...args, "--json");

  expect([2, 3], told(ran)).toContain(ran.exitCode);
  expect(last(ran).error?.hint).toContain("sluice");
  expect((await project.ask())?.version).toBe("v1.1.0");
});

test("X3 X2 with reason and word it goes back at once, is verified, and loses no request", {
  timeout: 120_000,
}, async () => {
  const ran = await project.sluice("rollback", "production", ...reason, "--confirm", "ROLLBACK", "--json");

  expect(ran.exitCode, told(ran)).toBe(0);
  expect(last(ran)).toMatchObject({ type: "ended", outcome: "succeeded", servesNow: "v1.0.0" });
  for (let asked = 0; asked < 5; asked++) expect(await project.ask()).toEqual({ status: 200, version: "v1.0.0" });
  const steps = jsonLines(ran).filter(({ phase }) => phase === "end");
  expect(steps.map(({ step }) => step)).toEqual(expect.arrayContaining(["lock", "start", "rollout", "smoke"]));
  expect(project.traffic?.seen.lost).toBe(0);
  expect(await project.instances()).toHaveLength(1);
});

test("X4 and forward again, to a named version", { timeout: 120_000 }, async () => {
  const ran = await project.sluice(
    "rollback",
    "production",
    "--to",
    "v1.1.0",
    ...reason,
    "--confirm",
    "ROLLBACK",
    "--json",
  );

  expect(ran.exitCode, told(ran)).toBe(0);
  expect((await project.ask())?.version).toBe("v1.1.0");
});

test("X3 after the window only the emergency switch opens it", { timeout: 120_000 }, async () => {
  await project.configure({ rollback: "{ window: 0s }" });
  const args = ["rollback", "production", ...reason, "--confirm", "ROLLBACK", "--json"];

  const late = await project.sluice(...args);
  const emergency = await project.sluice(...args, "--emergency");

  expect(late.exitCode, told(late)).toBe(3);
  expect(last(late).error?.code).toBe("ROLLBACK_REFUSED");
  expect(emergency.exitCode, told(emergency)).toBe(0);
  expect((await project.ask())?.version).toBe("v1.0.0");
  await project.settled();
  expect((await project.processes()).map(({ kind }) => kind).sort()).toEqual(["instance", "router"]);
});
