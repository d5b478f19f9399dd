/** The kind `command` on real processes: a folder of text files as the database, and never more said of its backups than was proven. */
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CommandDatabaseOptions, commandDatabase } from "../../src/adapters/command/database.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { resolveEnvironment } from "../../src/config/resolve.ts";
import { notCompared, type ProofSettings } from "../../src/domain/backup.ts";
import { type DatabaseSettings, proofLimitOf } from "../../src/domain/database-settings.ts";
import { SluiceError } from "../../src/domain/errors.ts";
import { Secret } from "../../src/domain/secret.ts";
import type { Database } from "../../src/ports/database.ts";
import { dataLockContract } from "../../src/testing/data-lock-contract.ts";
import { backupWorld, failureOf } from "./backup-world.ts";

const signal = new AbortController().signal;
const node = (script: string) => [process.execPath, "-e", script];

/** The database is the folder `live`: two files of it, one after the other, are the dump. */
const commands = {
  ping: node(`require("fs").accessSync("live")`),
  dump: node(
    `const fs = require("fs"); for (const name of fs.readdirSync("live")) process.stdout.write(fs.readFileSync("live/" + name))`,
  ),
  restore: [
    ...node(
      `const fs = require("fs"); fs.mkdirSync(process.argv[1]); fs.writeFileSync(process.argv[1] + "/all", fs.readFileSync(0))`,
    ),
    "{into}",
  ],
  check: [
    ...node(
      `const text = require("fs").readFileSync(process.argv[1] + "/all", "utf8"); console.log(text.length + " characters"); process.exit(text.includes("damaged") ? 4 : 0)`,
    ),
    "{into}",
  ],
  drop: [...node(`require("fs").rmSync(process.argv[1], { recursive: true })`), "{into}"],
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-commands-"));
  await mkdir(join(folder, "live"));
  await writeFile(join(folder, "live", "one"), "first ".repeat(40_000));
  await writeFile(join(folder, "live", "two"), "second ".repeat(40_000));
});
afterEach(() => rm(folder, { recursive: true }));

function open(changes: Partial<CommandDatabaseOptions> = {}): Database {
  const restore = changes.restore === undefined ? commands.restore : changes.restore;
  return commandDatabase({
    ...commands,
    ...{ name: "files", environment: {}, extension: ".txt", timeoutMs: 60_000, cwd: folder },
    lockFolder: join(folder, "locks", "files"),
    proofLimit: proofLimitOf({ kind: "command", restore }) ?? { level: "stored", because: "" },
    ...changes,
    restore,
  });
}

async function backedUp(database: Database, proof: Partial<ProofSettings>, afterPut?: (file: string) => Promise<void>) {
  const world = await backupWorld({ source: database, proof, ...(afterPut && { afterPut }) });
  try {
    return await world.take();
  } finally {
    await world.dispose();
  }
}

const scratches = async () => (await readdir(folder)).filter((name) => name.startsWith("sluice_rehearsal"));

describe("databases by commands", { timeout: 120_000 }, () => {
  dataLockContract((title, body) => test(title, () => body({ database: open() })));

  test("B3 without a restore command a backup is stored, and says why it is no more", async () => {
    const manifest = await backedUp(open({ restore: null, check: null, drop: null }), { level: "restored" });

    expect(manifest.level).toBe("stored");
    expect(notCompared(manifest)).toBe("nothing of it could be compared");
    expect(manifest.sizeBytes).toBe("first ".length * 40_000 + "second ".length * 40_000);
    expect(manifest.proof?.checks.map(({ check, outcome, detail }) => [check, outcome, detail])).toEqual([
      ["stored", "passed", "its checksum was read back"],
      ["restored", "unavailable", "it has no restore command"],
    ]);
  });

  test("B3 with one it is restored into a scratch place, looked at, removed, and never equal", async () => {
    const asked = await backedUp(open(), { level: "equal" });
    const unasked = await backedUp(open(), { level: "readable" });

    expect(asked.level).toBe("restored");
    expect(asked.proof?.checks.map(({ check, outcome }) => `${check} ${outcome}`)).toEqual([
      "room for a copy unavailable",
      "stored passed",
      "restored passed",
      "checked passed",
    ]);
    expect(asked.proof?.checks.at(-1)?.detail).toBe("520000 characters");
    expect(unasked.level).toBe("stored");
    expect(unasked.proof?.checks.at(-1)?.detail).toBe("backup.proof does not ask for it");
    expect(await scratches()).toEqual([]);
  });

  test("B3 what the check finds, a restore that fails and a scratch that stays are each told, with the command", async () => {
    const failing = node("console.error('no room'); process.exit(7)");
    const found = await failureOf(
      (async () => {
        await writeFile(join(folder, "live", "two"), "damaged");
        return backedUp(open(), { level: "restored" });
      })(),
    );
    const unrestored = await failureOf(backedUp(open({ restore: failing, drop: node("") }), { level: "restored" }));
    const left = await failureOf(backedUp(open({ drop: failing, check: null }), { level: "restored" }));

    expect(found).toMatchObject({ code: "BACKUP_UNVERIFIED", message: expect.stringContaining("exit code 4") });
    expect(unrestored).toMatchObject({ code: "BACKUP_UNVERIFIED", evidence: "no room" });
    expect(left).toMatchObject({ code: "BACKUP_UNVERIFIED", message: expect.stringContaining("could not be removed") });
  });

  test("B3 a stored backup that was changed is found, restore command or not", async () => {
    const damage = async (file: string) => writeFile(file, "something else");

    const failure = await failureOf(backedUp(open({ restore: null, check: null, drop: null }), {}, damage));

    expect(failure).toMatchObject({ code: "BACKUP_UNVERIFIED", message: expect.stringContaining("reads back as") });
  });

  test("B1 a dump that fails at its end, prints nothing, or hangs with a child of its own is no backup", async () => {
    const half = node("process.stdout.write('half of it', () => { console.error('disk gone'); process.exit(3); })");
    // The grandchild keeps the pipe open.
    const hangs = ["sh", "-c", "echo begun; sleep 600 & echo $! > pid; wait"];

    const failed = await failureOf(backedUp(open({ dump: half }), {}));
    const empty = await failureOf(backedUp(open({ dump: node("") }), {}));
    const slow = await failureOf(backedUp(open({ dump: hangs, timeoutMs: 1_000 }), {}));
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));

    expect(failed).toMatchObject({ code: "BACKUP_FAILED", evidence: "disk gone" });
    expect(failed.message).toContain("exit code 3");
    expect(empty).toMatchObject({ code: "BACKUP_FAILED", message: expect.stringContaining("printed nothing") });
    expect(slow).toMatchObject({ code: "BACKUP_FAILED", message: expect.stringContaining("not over after 1 s") });
    await expect.poll(() => isAlive(pid), { timeout: 120_000 }).toBe(false);
  });

  test("H2 it answers when its ping command does", async () => {
    const answered = await open().facts(signal);
    await rm(join(folder, "live"), { recursive: true });
    const failure = await failureOf(open().facts(signal));
    await mkdir(join(folder, "live"));

    expect(answered).toEqual({ kind: "command", name: "files", serverVersion: "unknown", sizeBytes: 0, tables: [] });
    expect(failure.code).toBe("DATABASE_UNREACHABLE");
  });

  test("K1 a secret of its commands is in their environment, and not in what they are said to have said", async () => {
    const environment = { FILES_PASSWORD: new Secret("FILES_PASSWORD", "hunter2-hunter2") };
    const dump = node("console.error('tried ' + process.env.FILES_PASSWORD); process.exit(1)");

    const failure = await failureOf(backedUp(open({ dump, environment }), {}));

    expect(failure.evidence).toBe("tried [FILES_PASSWORD]");
  });

  test("B13 the printed command restores the stored file without Sluice, and a restore refuses the database itself", async () => {
    const dump = await open().dump(signal);
    const stored = join(folder, "it's stored");
    await writeFile(stored, dump.bytes);

    for (const command of open().restoreCommands(dump.format, stored, "by_hand")) {
      // What a person's shell does with it.
      await execa("sh", ["-ec", command], { cwd: folder });
    }
    const refused = await failureOf(open().restore(dump.format, (async function* () {})(), "files", signal));

    expect(await readFile(join(folder, "by_hand", "all"))).toEqual(await readFile(stored));
    expect(refused.code).toBe("RESTORE_FAILED");
    await expect(access(join(folder, "files"))).rejects.toThrow();
  });
});

describe("databases by commands in sluice.yaml", () => {
  const load = (database: string, backup = "{ policy: always }") => {
    const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
secrets: { CACHE: { env: CACHE } }
databases: { cache: { kind: command, ping: [ping], dump: [dump]${database} } }
environments: { production: { policy: basic, backup: ${backup} } }
`;
    const readFileOfTest = () => "";
    const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile: readFileOfTest });
    return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile: readFileOfTest })
      .databases;
  };
  const refusal = (...written: Parameters<typeof load>): string => {
    try {
      load(...written);
    } catch (error) {
      if (error instanceof SluiceError) return error.message;
      throw error;
    }
    throw new Error("it was accepted");
  };

  test("B1 it is read with its defaults", () => {
    const expected: DatabaseSettings = {
      ...{ name: "cache", kind: "command", ping: ["ping"], dump: ["dump"], restore: null, check: null, drop: null },
      ...{ extension: ".dump", environment: { PASSWORD: { secret: "CACHE" } }, timeoutMs: 3_600_000 },
    };

    expect(load(", environment: { PASSWORD: { secret: CACHE } }")).toEqual([expected]);
  });

  test("Z3 what can never be proven is not asked for, and commands that need each other come together", () => {
    const secret = ", environment: { P: { secret: CACHE } }";
    expect(refusal(secret, "{ policy: verified }")).toContain("stored at most: it has no restore command");
    expect(
      refusal(`${secret}, restore: [r, "{into}"], drop: [d, "{into}"]`, "{ policy: always, proof: { level: equal } }"),
    ).toContain("restored at most");
    expect(refusal(`${secret}, restore: [r, "{into}"]`)).toContain("would stay");
    expect(refusal(`${secret}, check: [c, "{into}"]`)).toContain("write restore");
    expect(refusal(`${secret}, restore: [r], drop: [d, "{into}"]`)).toContain("write {into}");
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
