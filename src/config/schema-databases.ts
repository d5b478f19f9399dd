/** What is backed up before a deployment, by kind. */
import { z } from "zod";
import { file, key, name, period, say, size, valueOrSecret } from "./schema-values.ts";

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

export const databases = () =>
  key(
    z.record(
      name("a database"),
      z.discriminatedUnion("kind", [
        Postgres,
        Sqlite,
        ofTheMySqlFamily("mariadb", "MariaDB"),
        ofTheMySqlFamily("mysql", "MySQL"),
      ]),
    ),
    "Databases that are backed up before a deployment and asked whether they answer, by name.",
    { main: { kind: "postgres", url: { secret: "SHOP_DATABASE_URL" } } },
  );
