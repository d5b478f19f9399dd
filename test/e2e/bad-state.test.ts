/**
 * A state folder that something has happened to: files cut short, missing, unreadable, owned by somebody else, or not a folder at
 * all. Each is named with what to type next; nothing is deleted, and no empty ledger is begun where there was one.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openState } from "../../src/app/state.ts";
import { SluiceError } from "../../src/domain/errors.ts";
import { eventually, isAlive, signal } from "./processes.ts";
import { filesIn, type JsonLine, jsonLines, type Ran, type TinyProject, tinyProject, told } from "./project.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("skipped: another owner and a read-only disk need root");

const opener = join(import.meta.dirname, "../../src/engine/embedded-postgres/open-process.ts");

let project: TinyProject;
let state: string;
let data: string;
let kept: string;

/** A ledger that has seen a deployment, at rest; what deployed it is gone, so that only the state is bad. */
beforeAll(async () => {
  project = await tinyProject({ load: 20 });
  state = project.stateFolder;
  data = join(state, "postgres", "data");
  const ran = await project.sluice("deploy", "production", "v1.0.0");
  expect(ran.exitCode, told(ran)).toBe(0);
  await project.settled();
  kept = mkdtempSync(join(tmpdir(), "tiny-kept-"));
  rmSync(join(state, "postgres.log"));
  copyTree(state, join(kept, "state"));
}, 60_000);

afterEach(() => {
  rmSync(state, { recursive: true, force: true });
  copyTree(join(kept, "state"), state);
});

afterAll(async () => {
  await project?.stop();
  rmSync(kept, { recursive: true, force: true });
});

/** With owners and times, and no descriptor left behind. */
const copyTree = (from: string, to: string): void => void execFileSync("cp", ["-a", from, to]);

const errorOf = (ran: Ran): NonNullable<JsonLine["error"]> => {
  const { error } = jsonLines(ran).at(-1) ?? {};
  if (error === undefined) throw new Error(`no error: ${told(ran)}`);
  return error;
};

/** Without PostgreSQL's own caches, which it throws away by itself when it finds that it was not ended well. */
const filesOf = (folder: string) =>
  filesIn(folder, ["workers", "run", "router"]).filter((file) => !/pg_internal\.init$|pg_stat\/|\.pid$/.test(file));

const logOf = (folder: string): string => {
  const file = join(folder, "postgres.log");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
};

const replaceByFile = (): void => {
  rmSync(state, { recursive: true });
  writeFileSync(state, "oops");
};

/** Every table and index of one of the server's databases: its own (`5`), or the one that the ledger and the journal are in. */
const tablesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => join(folder, name));

/** PostgreSQL numbers what it did not bring along from 16384 on. */
const ledgersFolder = () => {
  const [name, ...others] = readdirSync(join(data, "base")).filter((each) => Number(each) >= 16_384);
  if (name === undefined || others.length > 0) throw new Error("it is not known which database is the ledger's");
  return join(data, "base", name);
};

interface Damage {
  readonly what: string;
  readonly damage: () => void;
  readonly code: string;
  readonly says: RegExp;
}

const damages: readonly Damage[] = [
  {
    what: "pg_control is garbage",
    damage: () => writeFileSync(join(data, "global", "pg_control"), Buffer.alloc(8192, 0xa7)),
    code: "STATE_DAMAGED",
    says: /PG_CONTROL_VERSION|incorrect checksum/,
  },
  {
    what: "pg_control is cut short",
    damage: () => truncateSync(join(data, "global", "pg_control"), 100),
    code: "STATE_DAMAGED",
    says: /pg_control/,
  },
  {
    what: "pg_control is missing",
    damage: () => rmSync(join(data, "global", "pg_control")),
    code: "STATE_DAMAGED",
    says: /could not find the database system/,
  },
  {
    what: "PG_VERSION is missing",
    damage: () => rmSync(join(data, "PG_VERSION")),
    code: "STATE_DAMAGED",
    says: /PG_VERSION is missing/,
  },
  {
    what: "the data folder is empty",
    damage: () => {
      for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
    },
    code: "STATE_DAMAGED",
    says: /was made before and is gone/,
  },
  {
    what: "the data folder is gone",
    damage: () => rmSync(data, { recursive: true }),
    code: "STATE_DAMAGED",
    says: /was made before and is gone/,
  },
  {
    what: "the database's folder is gone",
    damage: () => rmSync(join(state, "postgres"), { recursive: true }),
    code: "STATE_DAMAGED",
    says: /was made before and is gone/,
  },
  {
    what: "the write-ahead log is gone",
    damage: () => {
      for (const name of readdirSync(join(data, "pg_wal")).filter((each) => /^0/.test(each)))
        rmSync(join(data, "pg_wal", name));
    },
    code: "STATE_DAMAGED",
    says: /checkpoint record/,
  },
  {
    what: "the states of transactions are gone",
    damage: () => {
      for (const name of readdirSync(join(data, "pg_xact"))) rmSync(join(data, "pg_xact", name));
    },
    code: "STATE_DAMAGED",
    says: /status of transaction|pg_xact/,
  },
  {
    what: "every file of the server's own database is cut short",
    damage: () => {
      for (const file of tablesIn(join(data, "base", "5"))) truncateSync(file, 0);
    },
    code: "STATE_DAMAGED",
    says: /critical|could not/,
  },
  {
    what: "every file of the ledger's database is cut short",
    damage: () => {
      for (const file of tablesIn(ledgersFolder())) truncateSync(file, 0);
    },
    code: "STATE_DAMAGED",
    says: /critical|could not/,
  },
  {
    what: "the folder of the ledger's database is gone",
    damage: () => rmSync(ledgersFolder(), { recursive: true }),
    code: "STATE_DAMAGED",
    says: /subdirectory/,
  },
  {
    what: "the server's configuration is gone",
    damage: () => rmSync(join(data, "postgresql.conf")),
    code: "STATE_DAMAGED",
    says: /configuration file/,
  },
  {
    what: "a later PostgreSQL wrote it",
    damage: () => writeFileSync(join(data, "PG_VERSION"), "99\n"),
    code: "LEDGER_NEWER",
    says: /PostgreSQL 99/,
  },
  {
    what: "others may read it",
    damage: () => chmodSync(data, 0o777),
    code: "STATE_UNWRITABLE",
    says: /invalid permissions/,
  },
  {
    what: "its version is no number",
    damage: () => writeFileSync(join(state, "version"), "\u0000\u0001garbage"),
    code: "LEDGER_NEWER",
    says: /has format "/,
  },
  {
    what: "a file lies where the database's folder was",
    damage: () => {
      rmSync(join(state, "postgres"), { recursive: true });
      writeFileSync(join(state, "postgres"), "oops");
    },
    code: "STATE_UNWRITABLE",
    says: /EEXIST|ENOTDIR/,
  },
  {
    what: "a file lies where the state folder was",
    damage: () => replaceByFile(),
    code: "STATE_UNWRITABLE",
    says: /EEXIST|ENOTDIR/,
  },
];

describe("a state folder that was damaged", () => {
  test.for(damages)("Z1 $what: said as $code, and nothing is deleted", { timeout: 200_000 }, async (each) => {
    const { damage, code, says } = each;
    damage();
    const before = filesOf(state);

    const thrown = await openState({ url: undefined, stateFolder: state }).catch((error: unknown) => error);

    if (!(thrown instanceof SluiceError)) throw new Error("it is no error of ours", { cause: thrown });
    expect(thrown.failure.code, JSON.stringify(thrown.failure)).toBe(code);
    expect(thrown.failure.message).toMatch(says);
    expect(thrown.failure.message, "it says where").toContain(state);
    expect(thrown.failure.hint, "it ends with a command").toMatch(/: (sluice|ls|df|mv|mkdir) \S[^;]*$/);
    const after = new Set(filesOf(state));
    expect(
      before.filter((file) => !after.has(file)),
      "nothing is deleted",
    ).toEqual([]);
    const starts = logOf(state).match(/listening on Unix socket/g) ?? [];
    expect(starts.length, "what cannot get better is not tried again").toBeLessThan(2);
    const database = async () => (await project.processes()).every(({ kind }) => kind !== "postgres");
    await eventually("its server is not left running", database);
    expect((await project.ask())?.version, "what serves goes on").toBe("v1.0.0");
  });

  test.for([
    ["a truncated one", 1, "STATE_DAMAGED", () => truncateSync(join(data, "global", "pg_control"), 0)],
    ["one of a later Sluice", 2, "LEDGER_NEWER", () => writeFileSync(join(state, "version"), "7\n")],
    ["one that is a file", 1, "STATE_UNWRITABLE", replaceByFile],
  ] as const)("Z1 %s: exit code %i, %s, for reading and for deploying", { timeout: 120_000 }, async (given) => {
    const [, exitCode, code, damage] = given;
    damage();
    for (const words of [["history"], ["deploy", "production", "v1.1.0"]]) {
      const ran = await project.sluice(...words, "--json");

      expect(ran.exitCode, told(ran)).toBe(exitCode);
      expect(errorOf(ran).code, told(ran)).toBe(code);
    }
  });

  test("Z1 put back from a copy, it goes on where it was", { timeout: 120_000 }, async () => {
    rmSync(data, { recursive: true });
    const broken = await project.sluice("history", "--json");
    copyTree(join(kept, "state", "postgres", "data"), data);

    const ran = await project.sluice("history", "--json");

    expect(errorOf(broken).code).toBe("STATE_DAMAGED");
    expect(ran.exitCode, told(ran)).toBe(0);
    expect(ran.stdout).toContain("v1.0.0");
  });

  test("Z1 set aside as the hint says, a new ledger is refused by what serves until it takes over", {
    timeout: 120_000,
  }, async () => {
    truncateSync(join(data, "global", "pg_control"), 0);
    const broken = await project.sluice("history", "--json");
    const [, from, to] = / mv (\S+) (\S+), then: sluice lock take-over/.exec(errorOf(broken).hint) ?? [];
    expect([from, to]).toEqual([data, `${data}.damaged`]);
    renameSync(String(from), String(to));

    const still = await project.sluice("deploy", "production", "v1.1.0", "--json");

    expect(still.exitCode, told(still)).toBe(7);
    expect(jsonLines(still).at(-1)?.failure?.code).toBe("LEDGER_FOREIGN");
    expect(existsSync(`${data}.damaged`), "what was set aside is kept").toBe(true);
    await project.settled();
  });
});

describe("a state folder with traces of a death", () => {
  test("Z1 an empty version file, an unreadable record and a stale pid file stand in nobody's way", {
    timeout: 120_000,
  }, async () => {
    writeFileSync(join(state, "version"), "");
    writeFileSync(join(state, "postgres.json"), '{ "folder": ');
    writeFileSync(join(data, "postmaster.pid"), `999999\n${data}\n1\n5432\n/nonexistent\n\n\nready\n`);
    if (isRoot) chownSync(join(data, "postmaster.pid"), statSync(data).uid, statSync(data).gid);

    const ran = await project.sluice("history", "--json");

    expect(ran.exitCode, told(ran)).toBe(0);
    expect(ran.stdout).toContain("v1.0.0");
    expect(readFileSync(join(state, "version"), "utf8")).toBe("1\n");
  });

  test("Z1 killed at any moment of the very first start, the next one begins anew", { timeout: 90_000 }, async () => {
    for (const moment of ["postgres.json", "postgres", "postgres.log", "postgres/data"]) {
      rmSync(state, { recursive: true, force: true });
      const first = spawn(process.execPath, [opener, state], { stdio: "ignore" });
      const dead = once(first, "exit");
      await eventually(`the first start has made ${moment}`, () => existsSync(join(state, moment)));
      signal(first.pid ?? 0, "SIGKILL");
      await dead;

      const opened = await openState({ url: undefined, stateFolder: state });
      const rows = await opened.ledger.deployments({});
      await opened.close();

      expect(rows, `killed when ${moment} was there`).toEqual([]);
    }
  });

  test("Z1 a project moved while its database ran keeps its ledger; a copy beside it never uses the other's server", {
    timeout: 120_000,
  }, async () => {
    const held = await openState({ url: undefined, stateFolder: state });
    const copy = mkdtempSync(join(tmpdir(), "tiny-copy-"));
    chmodSync(copy, 0o755);
    mkdirSync(join(copy, "project"));
    cpSync(join(project.folder, "sluice.yaml"), join(copy, "project", "sluice.yaml"));
    copyTree(state, join(copy, "project", ".sluice"));
    rmSync(join(copy, "project", ".sluice", "postgres", "data"), { recursive: true });
    copyTree(join(kept, "state", "postgres", "data"), join(copy, "project", ".sluice", "postgres", "data"));
    try {
      const other = await openState({ url: undefined, stateFolder: join(copy, "project", ".sluice") });
      expect(other.url).not.toBe(held.url);
      expect(await other.ledger.deployments({}), "the same history").toHaveLength(1);
      expect(await held.ledger.deployments({}), "and the first one's server lives on").toHaveLength(1);
      // It is moved under its running server.
      renameSync(join(copy, "project"), join(copy, "moved"));
      const moved = await openState({ url: undefined, stateFolder: join(copy, "moved", ".sluice") });
      expect(await moved.ledger.deployments({})).toHaveLength(1);
      await moved.close();
      await other.close().catch(() => undefined);
    } finally {
      await held.close();
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!isRoot)("a state folder that is not ours", () => {
  test("Z1 its data belongs to another account: named, and left alone", { timeout: 120_000 }, async () => {
    execFileSync("chown", ["-R", "1:1", data]);

    const ran = await project.sluice("history", "--json");

    expect(ran.exitCode, told(ran)).toBe(1);
    expect(errorOf(ran).code, told(ran)).toBe("STATE_UNWRITABLE");
    expect(statSync(data).uid).toBe(1);
  });

  test.skipIf(process.platform !== "linux")("Z1 on a read-only disk: named at once", { timeout: 120_000 }, async () => {
    execFileSync("mount", ["--bind", state, state]);
    execFileSync("mount", ["-o", "remount,bind,ro", state]);
    try {
      const ran = await project.sluice("deploy", "production", "v1.1.0", "--json");

      expect(ran.exitCode, told(ran)).toBe(1);
      expect(errorOf(ran).code, told(ran)).toBe("STATE_UNWRITABLE");
      expect(errorOf(ran).message).toMatch(/EROFS|read-only/);
    } finally {
      execFileSync("umount", ["-l", state]);
    }
  });

  test("Z1 as a user who may not read it: named, and left alone", { timeout: 120_000 }, async () => {
    chmodSync(state, 0o700);
    const child = spawn(process.execPath, [opener, state], {
      uid: 65534,
      gid: 65534,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });

    const [exitCode] = (await once(child, "exit")) as [number];

    expect(exitCode).not.toBe(0);
    expect(said).toContain("STATE_UNWRITABLE");
    expect(isAlive(child.pid ?? 0)).toBe(false);
  });
});
