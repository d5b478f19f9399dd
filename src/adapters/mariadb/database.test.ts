import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tableDifferences } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Database, Dump } from "../../ports/database.ts";
import { databaseContract } from "../../testing/database-contract.ts";
import { freePort } from "../../testing/router-world.ts";
import { type MariaDbDatabaseOptions, mariaDbDatabase } from "./database.ts";
import { missingPart, startTestServer, type TestServer } from "./test-server.ts";

const missing = await missingPart();
if (missing !== undefined) console.warn(`SKIPPED: the MariaDB suite, because ${missing} is not installed.`);

let server: TestServer;
let worlds = 0;
/** More than pipes and buffers hold: what is read of it has an end that is still to come. */
let large: string;
const signal = new AbortController().signal;

const failureOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
};

/** Rows of random text: a dump of them is larger than a pipe's buffer. */
async function newShop(rows = 3_000): Promise<string> {
  const name = `shop_${++worlds}`;
  await server.run(undefined, `CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`);
  await server.run(
    name,
    `CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, email text NOT NULL, price decimal(10, 2), seen timestamp NULL,
                         photo blob, extra json, code bit(5), ratio double, half int AS (id DIV 2) VIRTUAL);
     CREATE TABLE \`odd \`\`name\` (what varchar(50), at datetime(6));
     CREATE TABLE audit (user_id int, FOREIGN KEY (user_id) REFERENCES users (id));
     INSERT INTO users (email, price, seen, photo, extra, code, ratio)
       SELECT CONCAT(SHA2(RAND(), 512), SHA2(RAND(), 512), '\\n;\\''), seq / 3, NOW(), UNHEX(MD5(seq)), '{"a": [1, null]}', seq % 32, RAND()
       FROM seq_1_to_${rows};
     INSERT INTO \`odd \`\`name\` VALUES ('grüße 🎈', NOW(6)), (NULL, NULL);
     CREATE VIEW emails AS SELECT email FROM users`,
  );
  await server.run(
    name,
    "CREATE TRIGGER noted AFTER INSERT ON users FOR EACH ROW BEGIN\nINSERT INTO audit VALUES (NEW.id);\nEND",
  );
  await server.run(
    name,
    "CREATE PROCEDURE forget()\nBEGIN\nINSERT INTO `users` (email) VALUES ('x');\nDELETE FROM users;\nEND",
  );
  await server.run(name, `CREATE EVENT nightly ON SCHEDULE EVERY 1 SECOND DO DELETE FROM ${name}.users WHERE id = -1`);
  return name;
}

const open = (name: string, options: Partial<MariaDbDatabaseOptions> = {}): Database =>
  mariaDbDatabase({ name: "shop", kind: "mariadb", url: server.urlOf(name), ...options });

describe.skipIf(missing !== undefined)("MariaDB", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startTestServer(await freePort());
    large = await newShop(30_000);
  }, 90_000);

  afterAll(() => server.stop());

  databaseContract("mariadb", async () => {
    const name = await newShop(500);
    const exists = async (place: string) =>
      (await server.run(undefined, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", [place])).length >
      0;
    return {
      database: open(name),
      insertRow: async () => void (await server.run(name, "INSERT INTO `odd ``name` VALUES ('one more', NULL)")),
      newPlace: () => `restored_${++worlds}`,
      livePlace: name,
      factsAt: async (place) => ((await exists(place)) ? open(place).facts(signal) : undefined),
      dispose: async () => {
        expect(await scratches()).toEqual([]);
      },
    };
  });

  test("B4 facts count the tables by their names, and not views", async () => {
    const facts = await open(await newShop(5)).facts(signal);

    expect(facts.tables).toEqual([
      { name: "audit", rows: 0 },
      { name: "odd `name", rows: 2 },
      { name: "users", rows: 5 },
    ]);
    expect(facts.serverVersion).toMatch(/^\d+\.\d+\.\d+-MariaDB$/);
  });

  test("Z3 a rehearsal restores and compares rows, view, trigger, routine and event, and the event is switched off", async () => {
    const database = open(await newShop(5));
    const { dump, bytes } = await taken(database);

    const rehearsed = await rehearse(database, dump, bytes);
    const restored = await database.restore(dump.format, once(bytes), `restored_${++worlds}`, signal);

    expect(gunzipSync(bytes).toString()).toContain("PRESERVE ENABLE DO");
    expect(rehearsed.checks.map(({ check }) => check)).toEqual([
      "restored",
      "rows counted and hashed",
      "dumped again and compared",
    ]);
    expect(tableDifferences(dump.facts.tables, rehearsed.facts.tables)).toEqual([]);
    const events = await server.run(
      undefined,
      "SELECT STATUS AS s FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?",
      [restored.name],
    );
    expect(events).toEqual([{ s: "DISABLED" }]);
  });

  test("B3 one changed row, a lost trigger and another view in the scratch database are found", async () => {
    const database = open(await newShop(50));
    const { dump, bytes } = await taken(database);
    const script = gunzipSync(bytes).toString();
    const reading = await database.readBack(dump.format, once(bytes), signal);
    const spoilt = {
      row: script.replace("grüße", "grüsse"),
      trigger: script.replace("NEW.id", "NEW.id + 1"),
      view: script.replace("select `users`.`email` AS `email`", "select upper(`users`.`email`) AS `email`"),
    };

    for (const [what, text] of Object.entries(spoilt)) {
      expect(text, what).not.toBe(script);
      const request = { format: dump.format, bytes: once(gzipSync(text)), level: "equal", reading } as const;
      const failure = await failureOf(database.rehearse(request, signal));
      expect(failure.code, what).toBe("BACKUP_UNVERIFIED");
      expect(failure.message, what).toContain(
        what === "row" ? "the rows of odd `name differ" : "it is not what was dumped",
      );
    }
    expect(await scratches()).toEqual([]);
  });

  test("B3 a row that a dump would not bring back is found by the server's own hash", async () => {
    const name = await newShop(5);
    // Six digits are what the tool prints of it.
    await server.run(name, "CREATE TABLE measured (value float); INSERT INTO measured VALUES (16777216)");
    const database = open(name);
    const { dump, bytes } = await taken(database);

    const rehearsed = await rehearse(database, dump, bytes);

    expect(tableDifferences(dump.facts.tables, rehearsed.facts.tables)).toEqual([
      "measured has other rows, of the same number",
    ]);
  });

  test("B1 a dump tool that is killed is a failure, not a short backup", async () => {
    const dump = await open(large).dump(signal);

    const failure = await failureOf(readAnd(dump, async () => process.kill(await pidOfDump(), "SIGKILL")));

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toContain("SIGKILL");
  });

  test("B1 a server that drops the connection is a failure with the tool's words", async () => {
    const dump = await open(large).dump(signal);

    const failure = await failureOf(readAnd(dump, () => killSessionsOf(large)));

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.evidence).toContain("Lost connection");
  });

  test("B1 a reader that stops early leaves no tool and no session behind", async () => {
    const dump = await open(large).dump(signal);

    for await (const _ of dump.bytes) break;

    expect(await dumpPids()).toEqual([]);
    await expect.poll(() => sessionsOf(large), { timeout: 120_000 }).toEqual([]);
  });

  test("B1 tools that write nothing, half a dump, or another maker's are refused", async () => {
    const name = await newShop(5);
    const half = "echo '-- MariaDB dump'; echo; echo '-- Table structure for table `users`'";
    const version = "Ver 10.19 Distrib 99.1.0-MariaDB, for Linux";
    const cases = [
      { script: "true", version, says: "without its last line" },
      { script: half, version, says: "without its last line" },
      { script: `${half}; echo oops >&2; exit 3`, version, says: "exit code 3" },
      { script: "true", version: "Ver 10.19 Distrib 10.1.48-MariaDB, for Linux", says: "Here is mariadb-dump 10.1" },
      { script: "true", version: "Ver 8.0.36 for Linux", says: "another maker" },
    ];

    for (const { script, version: printed, says } of cases) {
      const binFolder = await standIns(script, printed);
      const failure = await failureOf(all(open(name, { binFolder })));
      await rm(binFolder, { recursive: true });
      expect(failure.code, says).toBe("BACKUP_FAILED");
      expect(failure.message, says).toContain(says);
    }
    expect(await failureOf(open(name, { binFolder: "/nonexistent" }).tools(signal))).toMatchObject({
      message: expect.stringMatching(/^No mariadb-dump was found in \/nonexistent; the server is MariaDB \d+\.\d+\.$/),
      hint: expect.stringContaining("apt-get install mariadb-client"),
    });
  });

  test("B1 an account that may not see everything is refused before anything is dumped, with what to grant", async () => {
    const name = await newShop(5);
    await server.run(undefined, `CREATE USER narrow@'%' IDENTIFIED BY '${server.password}'`);
    await server.run(undefined, `GRANT SELECT ON ${name}.users TO narrow@'%'`);
    const url = server.urlOf(name, "narrow");

    const failure = await failureOf(open(name, { url }).dump(signal));
    await server.run(
      undefined,
      `GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON \`${name.replace("_", "\\_")}\`.* TO narrow@'%'`,
    );
    const words = await open(name, { url }).tools(signal);

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toContain("lacks SELECT, SHOW VIEW, TRIGGER, EVENT");
    expect(failure.hint).toContain(`GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON \`${name}\`.*`);
    expect(words).toContain("stored routines of other accounts");
  });

  test("B1 gives up within seconds while a migration holds a table", async () => {
    const name = await newShop(5);
    const { createConnection } = await import("mysql2/promise");
    const holder = await createConnection({ socketPath: server.socket, user: "root", database: name });
    await holder.query("LOCK TABLES audit WRITE");

    const failure = await failureOf(open(name, { lockWaitMs: 1_000 }).dump(signal));
    await holder.end();

    expect(failure.code).toBe("BACKUP_FAILED");
    expect(failure.message).toContain("Lock wait timeout");
  });

  test("B3 a table without snapshots is named, dumped, and never called equal", async () => {
    const name = await newShop(5);
    await server.run(name, "CREATE TABLE legacy (id int) ENGINE=MyISAM; INSERT INTO legacy VALUES (1), (2)");
    await server.run(name, "CREATE TABLE versions (id int) WITH SYSTEM VERSIONING; INSERT INTO versions VALUES (1)");
    const database = open(name);
    const { dump, bytes } = await taken(database);

    const rehearsed = await rehearse(database, dump, bytes);

    const unproven = dump.facts.tables.filter(({ hash }) => hash === null);
    expect(unproven).toEqual([
      { name: "legacy", rows: 2, hash: null, unproven: "MyISAM keeps no snapshots" },
      { name: "versions", rows: 1, hash: null, unproven: "the history of its rows is not in the dump" },
    ]);
    expect(tableDifferences(dump.facts.tables, rehearsed.facts.tables)).toEqual([]);
    expect(await database.tools(signal)).toContain("never proven equal: legacy (MyISAM keeps no snapshots)");
  });

  test("B4 while others write, every table is either of the dump's instant or named as not", async () => {
    const name = await newShop(200);
    const database = open(name);
    const writer = await startWriter(name);

    const unproven = new Set<string>();
    for (let round = 0; round < 10 && unproven.size === 0; round++) {
      const { dump, bytes } = await taken(database);
      const rehearsed = await rehearse(database, dump, bytes);
      expect(tableDifferences(dump.facts.tables, rehearsed.facts.tables)).toEqual([]);
      for (const table of dump.facts.tables.filter(({ hash }) => hash === null)) unproven.add(table.name);
    }
    const held = await taken(open(name, { holdWritesMs: 5_000 }));
    const proven = await rehearse(database, held.dump, held.bytes);
    const written = await writer.stop();

    expect(written).toBeGreaterThan(0);
    expect([...unproven]).toEqual(["odd `name"]);
    expect(held.dump.facts.tables.filter(({ hash }) => hash == null)).toEqual([]);
    expect(tableDifferences(held.dump.facts.tables, proven.facts.tables)).toEqual([]);
  });

  test("H2 a database that does not exist and a wrong password are unreachable, and no secret is told", async () => {
    const wrong = new Secret("DATABASE_URL", server.urlOf("mysql").reveal().replace("s3cret", "wr0ng-one"));

    const absent = await failureOf(open("shpo").dump(signal));
    const refused = await failureOf(open("shop", { url: wrong }).facts(signal));

    expect(absent.code).toBe("DATABASE_UNREACHABLE");
    expect(absent.message).toContain("Unknown database 'shpo'");
    expect(JSON.stringify(absent)).not.toContain("s3cret");
    expect(refused.code).toBe("DATABASE_UNREACHABLE");
    expect(JSON.stringify(refused)).not.toContain("wr0ng-one");
  });

  test("K1 a URL that is none is refused without being quoted", async () => {
    const urls = [
      "mysql://owner:hunter2@[broken/shop",
      "postgresql://owner:hunter2@host/shop",
      "mysql://owner:hunter2@host/",
    ];
    for (const text of urls) {
      const url = new Secret("DATABASE_URL", text);
      const failure = await failureOf((async () => open("shop", { url }))());
      expect(failure.code).toBe("CONFIG_INVALID");
      expect(JSON.stringify(failure)).not.toContain("hunter2");
    }
  });

  test("K1 the password is in no argument of a tool, and no option file is read", async () => {
    const dump = await open(large).dump(signal);
    let seen = "";

    for await (const _ of dump.bytes) seen ||= await readFile(`/proc/${await pidOfDump()}/cmdline`, "utf8");

    expect(seen).toContain("--single-transaction");
    expect(seen.split("\0")[1]).toBe("--no-defaults");
    expect(seen).not.toContain("s3cret");
  });

  test("B7 a name that would need quoting is refused, and an aborted restore leaves no database behind", async () => {
    const database = open(await newShop());
    const stop = new AbortController();
    const reason = new Error("a person cancelled");
    const { dump, bytes } = await taken(database);
    async function* hanging() {
      yield bytes.subarray(0, bytes.length >> 1);
      stop.abort(reason);
      await new Promise(() => {});
    }

    const strange = await failureOf(database.restore(dump.format, once(bytes), "x`; DROP DATABASE mysql --", signal));
    await expect(database.restore(dump.format, hanging(), "cancelled_restore", stop.signal)).rejects.toBe(reason);

    expect(strange.code).toBe("RESTORE_FAILED");
    expect(await server.run(undefined, "SHOW DATABASES LIKE 'cancelled_restore'")).toEqual([]);
  });

  test("B7 a script that is cut off at the end of a line, in a whole gzip, is not restored", async () => {
    const database = open(await newShop(50));
    const { dump, bytes } = await taken(database);
    const script = gunzipSync(bytes).toString();
    const cut = gzipSync(script.slice(0, script.indexOf("-- Dumping routines")));

    const read = await failureOf(database.readBack(dump.format, once(cut), signal));
    const restored = await failureOf(database.restore(dump.format, once(cut), "cut_restore", signal));

    expect(read).toMatchObject({ code: "BACKUP_UNVERIFIED", message: expect.stringContaining("its last line") });
    expect(restored).toMatchObject({ code: "RESTORE_FAILED", message: expect.stringContaining("its last line") });
    expect(await server.run(undefined, "SHOW DATABASES LIKE 'cut_restore'")).toEqual([]);
  });

  test("B3 a client's own commands in a script start nothing", async () => {
    const database = open(await newShop(5));
    const folder = await mkdtemp(join(tmpdir(), "sluice-commands-"));
    const { dump, bytes } = await taken(database);
    const mark = join(folder, "mark");
    const script = gunzipSync(bytes)
      .toString()
      .replace("\n-- Dump completed", `\n\\! touch ${mark}\nsystem touch ${mark}\n-- Dump completed`);

    const failure = await failureOf(database.restore(dump.format, once(gzipSync(script)), "commanded", signal));
    const left = await readdir(folder);
    await rm(folder, { recursive: true });

    expect(failure.code).toBe("RESTORE_FAILED");
    expect(left).toEqual([]);
  });

  test("B13 the printed commands restore the stored file without Sluice", async () => {
    const name = await newShop(20);
    await server.run(name, "DROP EVENT nightly");
    const database = open(name);
    const { dump, bytes } = await taken(database);
    const folder = await mkdtemp(join(tmpdir(), "sluice it's-"));
    const stored = join(folder, "one.sql.gz");
    await writeFile(stored, bytes);

    for (const command of database.restoreCommands(dump.format, stored, "by_hand")) {
      // What a person's shell does with it; the only place where a command goes through a shell.
      await execa("sh", ["-ec", command], { env: { MYSQL_PWD: server.password } });
    }
    await rm(folder, { recursive: true });

    expect((await taken(open("by_hand"))).dump.facts.tables).toEqual(dump.facts.tables);
  });
});

interface Taken {
  readonly dump: Dump;
  readonly bytes: Buffer;
}

async function taken(database: Database): Promise<Taken> {
  const dump = await database.dump(signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of dump.bytes) chunks.push(chunk);
  return { dump, bytes: Buffer.concat(chunks) };
}

async function rehearse(database: Database, { format }: Dump, bytes: Buffer) {
  const reading = await database.readBack(format, once(bytes), signal);
  return database.rehearse({ format, bytes: once(bytes), level: "equal", reading }, signal);
}

async function all(database: Database): Promise<void> {
  await taken(database);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Reads a dump to its end; does `deed` once, after the first chunk. */
async function readAnd(dump: Dump, deed: () => Promise<unknown>): Promise<void> {
  let done = false;
  for await (const _ of dump.bytes) {
    if (!done) await deed();
    done = true;
  }
}

/** Simulated: programs of the tools' names that print what a broken or another tool would. */
async function standIns(script: string, version: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-stand-ins-"));
  const text = `#!/bin/sh\nif [ "$1" = --version ]; then echo "$0 ${version}"; exit; fi\n${script}\n`;
  for (const tool of ["mysqldump", "mysql"]) {
    await writeFile(join(folder, tool), text);
    await chmod(join(folder, tool), 0o755);
  }
  return folder;
}

const scratches = () => server.run(undefined, "SHOW DATABASES LIKE 'sluice\\_rehearsal\\_%'");

const sessionsOf = (name: string) =>
  server.run(undefined, "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ? AND USER <> 'root'", [name]);

async function killSessionsOf(name: string): Promise<void> {
  for (const { id } of await sessionsOf(name)) await server.run(undefined, `KILL ${Number(id)}`);
}

/** Our own children named mariadb-dump. */
async function dumpPids(): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const entry of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    if (stat.includes("(mariadb-dump) ") && / [RSDZ] (\d+)/.exec(stat)?.[1] === String(process.pid))
      pids.push(Number(entry));
  }
  return pids;
}

async function pidOfDump(): Promise<number> {
  const [pid] = await dumpPids();
  if (pid === undefined) throw new Error("No mariadb-dump runs.");
  return pid;
}

/** Another session that writes one row after the other until it is told to stop. */
async function startWriter(name: string): Promise<{ readonly stop: () => Promise<number> }> {
  const { createConnection } = await import("mysql2/promise");
  const client = await createConnection({ socketPath: server.socket, user: "root", database: name });
  let [stopped, written] = [false, 0];
  const work = (async () => {
    for (; !stopped; written++) await client.query("INSERT INTO `odd ``name` VALUES ('written', NOW(6))");
  })();
  return {
    stop: async () => {
      stopped = true;
      await work;
      await client.end();
      return written;
    },
  };
}
