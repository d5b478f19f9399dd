/** What people type wrong, at the real command line: refused with the place and the fix, and nothing is created or started. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesIn, jsonLines, type Ran, type TinyProject, tinyProject, told } from "./project.ts";

let project: TinyProject;
let before: readonly string[];

beforeAll(async () => {
  project = await tinyProject({ load: 0 });
  before = filesIn(project.folder, [".git"]);
});

afterAll(async () => {
  await project?.stop();
});

/** Neither a process nor a file: not even the state folder. */
async function expectNothingCreated(): Promise<void> {
  expect(await project.processes()).toEqual([]);
  expect(filesIn(project.folder, [".git"])).toEqual(before);
}

describe("T1 a name that is no release", () => {
  const names: readonly (readonly [string, number, string])[] = [
    ["v1.0.0 beta", 2, "REF_INVALID"],
    ["v1.0.0\nv1.1.0", 2, "REF_INVALID"],
    ["", 2, "REF_INVALID"],
    ["../v1.0.0", 2, "REF_INVALID"],
    ["v1.0.0;reboot", 2, "REF_INVALID"],
    ["$(reboot)", 2, "REF_INVALID"],
    ["v9.9.9", 3, "TAG_NOT_FOUND"],
    ["1.0.0", 3, "REF_NOT_ALLOWED"],
    ["main", 2, "REF_INVALID"],
  ];

  test.for(names)("T1 T5 P5 %j is refused (%i, %s) and nothing is created", async ([name, exitCode, code]) => {
    const ran = await project.sluice("deploy", "production", name, "--json");

    expect(ran.exitCode, told(ran)).toBe(exitCode);
    expect(jsonLines(ran).at(-1)?.error?.code).toBe(code);
    await expectNothingCreated();
  });

  test("T1 one that looks like an option is refused as usage", async () => {
    const ran = await project.sluice("deploy", "production", "--upload-pack=reboot");

    expect(ran.exitCode, told(ran)).toBe(2);
    await expectNothingCreated();
  });

  test("W3 an environment that is not there is refused with the nearest name", async () => {
    const ran = await project.sluice("deploy", "producton", "v1.0.0");

    expect(ran.exitCode, told(ran)).toBe(2);
    expect(ran.stderr).toMatch(/did you mean "?production"?\?/i);
    await expectNothingCreated();
  });

  test("W3 a command that is not there is refused with the nearest name", async () => {
    const ran = await project.sluice("deplyo", "production", "v1.0.0");

    expect(ran.exitCode, told(ran)).toBe(2);
    expect(ran.stderr).toContain("deploy");
  });
});

describe("W3 a slip in sluice.yaml", () => {
  const slips: readonly { readonly slip: string; readonly edit: (text: string) => string; readonly says: RegExp }[] = [
    {
      slip: "version: 1.10 without quotes",
      edit: (text) => text.replace('body: { version: "{version}" }', "body: { version: 1.10 }"),
      says: /1\.10?.*(quote|"1\.10")/s,
    },
    { slip: "a key twice", edit: (text) => `${text}    policy: basic\n`, says: /second time/ },
    {
      slip: "a key that is not known",
      edit: (text) => text.replace("    rollout:", "    rolout:"),
      says: /did you mean "?rollout"?\?/i,
    },
    {
      slip: "weights that do not rise",
      edit: (text) => text.replace("percent: 50,", "percent: 100,"),
      says: /does not rise/,
    },
    {
      slip: "weights that do not end at 100",
      edit: (text) => text.replace("percent: 100,", "percent: 90,"),
      says: /last step is 90/,
    },
    {
      slip: "approvals that can never be reached",
      edit: (text) => text.replace("required: 0,", "required: 3, approvers: [bob, carol],"),
      says: /3.*2|approvers/s,
    },
  ];

  test.for(slips)("W3 $slip is named with its line and what to write", async ({ edit, says }) => {
    const file = join(project.folder, "sluice.yaml");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, edit(good));
    try {
      const ran: Ran = await project.sluice("deploy", "production", "v1.0.0");

      expect(ran.exitCode, told(ran)).toBe(2);
      expect(ran.stderr).toMatch(says);
      expect(ran.stderr).toMatch(/sluice\.yaml:\d+:\d+|line \d+|\d+:\d+/);
      await expectNothingCreated();
    } finally {
      writeFileSync(file, good);
    }
  });

  test("W3 without a sluice.yaml it says how to get one", async () => {
    const ran = await project.sluice("deploy", "production", "v1.0.0", "--config", "other.yaml");

    expect(ran.exitCode, told(ran)).toBe(2);
    expect(ran.stderr).toContain("sluice init");
    await expectNothingCreated();
  });
});

describe("a state folder of a later Sluice", () => {
  test("it is refused (2) and left as it is", async () => {
    mkdirSync(project.stateFolder);
    writeFileSync(join(project.stateFolder, "version"), "99\n");

    const ran = await project.sluice("deploy", "production", "v1.0.0", "--json");

    expect(ran.exitCode, told(ran)).toBe(2);
    expect(jsonLines(ran).at(-1)?.error?.code).toBe("LEDGER_NEWER");
    expect(filesIn(project.stateFolder)).toEqual(["version"]);
    expect(existsSync(project.logsFolder)).toBe(false);
  });
});
