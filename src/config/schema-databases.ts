/** What is backed up before a deployment, by kind. */
import { z } from "zod";
import { argv, file, key, name, period, say, size, valueOrSecret, variableName } from "./schema-values.ts";

const Postgres = z.strictObject({
  kind: key(z.literal("postgres"), "PostgreSQL.", "postgres"),
  url: key(valueOrSecret(), "Connection URL; with a password in it, a secret.", { secret: "SHOP_DATABASE_URL" }),
  roomForCopy: key(
    size().optional(),
    "What a restored copy may take on the server, for a test or a swap, where its disk cannot be seen from here.",
    "200GB",
  ),
});

const Sqlite = z.strictObject({
  kind: key(z.literal("sqlite"), "SQLite.", "sqlite"),
  file: key(
    file().refine((path) => path !== ":memory:" && !path.startsWith("file:"), {
      error: say("the database is no file", "write the path of its file, relative to the project"),
    }),
    "The database file, relative to the project.",
    "data/shop.sqlite",
  ),
});

const ofTheMySqlFamily = <Kind extends string>(kind: Kind, maker: string) =>
  z.strictObject({
    kind: key(z.literal(kind), `${maker}.`, kind),
    url: key(
      valueOrSecret(),
      "Connection URL, as `mysql://user:password@host:3306/database`; with a password in it, a secret.",
      { secret: "SHOP_DATABASE_URL" },
    ),
    holdWrites: key(
      period().optional(),
      "How long commits may be held at the beginning of a dump, so that counts, hashes and dump are of one instant; without it a table that is written to in those milliseconds is not compared.",
      "2s",
    ),
  });

const withPlace = (what: string, example: readonly string[]) =>
  key(argv().optional(), `${what}; \`{into}\` stands for the place.`, example);

const Command = z.strictObject({
  kind: key(z.literal("command"), "By commands, for everything that has no kind of its own.", "command"),
  ping: key(argv(), "Command that asks whether it answers: exit code 0 means yes.", ["redis-cli", "ping"]),
  dump: key(argv(), "Command whose standard output is the backup.", ["node", "dump.mjs"]),
  restore: withPlace("Command that restores the backup from its standard input into a place that does not exist yet", [
    "node",
    "restore.mjs",
    "{into}",
  ]),
  check: withPlace("Command that looks at what was restored; exit code 0 means that it is sound", [
    "node",
    "check.mjs",
    "{into}",
  ]),
  drop: withPlace("Command that removes what was restored for a test", ["node", "drop.mjs", "{into}"]),
  extension: key(
    z
      .string()
      .regex(/^\.[a-z0-9]+(\.[a-z0-9]+)*$/, {
        error: say("it is not the end of a file's name", "write for example .tar.gz"),
      })
      .default(".dump"),
    "End of the backup's name, with its dot.",
    ".rdb",
  ),
  environment: key(z.record(variableName(), valueOrSecret()).default({}), "Variables of the commands.", {
    REDISCLI_AUTH: { secret: "CACHE_PASSWORD" },
  }),
  timeout: key(period().prefault("1h"), "A command that takes longer has failed.", "1h"),
});

export const databases = () =>
  key(
    z.record(
      name("a database"),
      z.discriminatedUnion("kind", [
        Postgres,
        Sqlite,
        ofTheMySqlFamily("mariadb", "MariaDB"),
        ofTheMySqlFamily("mysql", "MySQL"),
        Command,
      ]),
    ),
    "Databases that are backed up before a deployment and asked whether they answer, by name.",
    { main: { kind: "postgres", url: { secret: "SHOP_DATABASE_URL" } } },
  );
