/** B7 X5: a backup becomes the live database by command, with a SQLite file and real processes. */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, type TinyProject, tinyProject, told } from "./project.ts";

interface Planned {
  readonly words: string;
  readonly kept: string;
}

describe("restore by swap", { timeout: 120_000 }, () => {
  let project: TinyProject;
  let id: string;
  beforeAll(async () => {
    project = await tinyProject({ database: true, load: 20 });
    const taken = await project.sluice("backup", "create", "production", "--json");
    const [result] = jsonLines(taken).filter((line) => "backups" in line) as unknown as { backups: { id: string }[] }[];
    id = result?.backups[0]?.id ?? told(taken);
  }, 60_000);
  afterAll(() => project.stop(), 60_000);

  const names = (file = project.databaseFile ?? ""): readonly unknown[] => {
    const database = new DatabaseSync(file);
    try {
      return database
        .prepare("select name from guests order by name")
        .all()
        .map(({ name }) => name);
    } finally {
      database.close();
    }
  };
  const write = (statement: string) => {
    const database = new DatabaseSync(project.databaseFile ?? "");
    database.exec(statement);
    database.close();
  };
  const planned = async (): Promise<Planned> => {
    const ran = await project.sluice("restore", id, "--swap", "--dry-run", "--json");
    expect(ran.exitCode, told(ran)).toBe(0);
    return jsonLines(ran).find((line) => "words" in line) as unknown as Planned;
  };

  test("B7 the words that were not typed, or promise less than is lost, touch nothing", async () => {
    write("insert into guests values ('Mallory')");

    const bare = await project.sluice("restore", id, "--swap");
    const wrong = await project.sluice("restore", id, "--swap", "--confirm", "RESTORE");
    const nothing = await project.sluice("restore", id);

    expect([bare.exitCode, wrong.exitCode, nothing.exitCode], told(bare)).toEqual([2, 2, 2]);
    expect(bare.stderr).toMatch(/LOSE \d+ MINUTES/);
    expect(names()).toContain("Mallory");
  });

  test("B7 while the environment is locked nothing is swapped", async () => {
    const { words } = await planned();
    await project.sluiceAs("grace", "lock", "take", "production", "--reason", "incident");

    const refused = await project.sluice("restore", id, "--swap", "--confirm", words);
    await project.sluiceAs("grace", "lock", "release", "production", "--reason", "over");

    expect(refused.exitCode, told(refused)).toBe(7);
    expect(names()).toContain("Mallory");
  });

  test("B7 a file that somebody has open is not swapped, and the live one is what it was", async () => {
    const open = new DatabaseSync(project.databaseFile ?? "");
    open.exec("pragma journal_mode = wal; insert into guests values ('Eve')");
    const { words } = await planned();

    const refused = await project.sluice("restore", id, "--swap", "--confirm", words);
    open.close();

    expect(refused.exitCode, told(refused)).toBe(1);
    expect(`${refused.stdout}${refused.stderr}`).toContain("RESTORE_FAILED");
    expect(names()).toContain("Eve");
    const beside = readdirSync(dirname(project.databaseFile ?? ""));
    expect(beside.filter((name) => /_restored_|_before_|sluice-restore/.test(name))).toEqual([]);
  });

  test("B7 X5 the backup becomes the live one, the one before is kept, and the audit trail says who lost what", async () => {
    const { kept: _, words } = await planned();

    const done = await project.sluice("restore", id, "--swap", "--confirm", words, "--json");

    expect(done.exitCode, told(done)).toBe(0);
    const { kept } = jsonLines(done).find((line) => "kept" in line) as unknown as Planned;
    expect(names()).toEqual(["Ada", "Grace"]);
    expect(names(kept)).toEqual(["Ada", "Eve", "Grace", "Mallory"]);
    expect(readdirSync(dirname(kept)).filter((name) => /-(wal|shm|journal)$/.test(name))).toEqual([]);
    const audit = await project.sluice("audit", "production");
    expect(audit.stdout).toContain(id);
    expect(audit.stdout).toContain("lost: everything written");
  });
});
