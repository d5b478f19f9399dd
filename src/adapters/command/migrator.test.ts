import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { type CommandMigratorOptions, commandMigrator } from "./migrator.ts";

const signal = new AbortController().signal;
let tree: string;

beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), "sluice-migrator-"));
});
afterEach(() => rm(tree, { recursive: true }));

/** A migrator whose two commands are scripts of the release tree. */
async function migratorOf(scripts: { pending?: string; apply?: string }, more: Partial<CommandMigratorOptions> = {}) {
  await writeFile(join(tree, "pending.cjs"), scripts.pending ?? "");
  await writeFile(join(tree, "apply.cjs"), scripts.apply ?? "");
  return commandMigrator({
    name: "shop",
    database: "shop",
    pending: [process.execPath, "pending.cjs"],
    apply: [process.execPath, "apply.cjs"],
    environment: {},
    timeoutMs: 10_000,
    ...more,
  });
}

async function failureOf(work: Promise<unknown>) {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof SluiceError) return error.failure;
  throw new Error("It did not fail with a SluiceError.", { cause: error });
}

describe("migrations by a command", () => {
  test.each([
    ["nothing", "", []],
    ["ids", "20260101_users\\n20260102_events\\n", [{ id: "20260101_users" }, { id: "20260102_events" }]],
    ["objects", '{"id":"1","sql":"SELECT 1;"}\\n\\n{"id":"2"}\\n', [{ id: "1", sql: "SELECT 1;" }, { id: "2" }]],
  ])("P2 reads a list of %s", async (_what, printed, expected) => {
    const migrator = await migratorOf({ pending: `process.stdout.write('${printed}'); console.error("a warning");` });

    expect(await migrator.pending(tree, signal)).toEqual(expected);
  });

  test("P2 reads a migration whose SQL is longer than a line may be", async () => {
    const migrator = await migratorOf({
      pending: `console.log(JSON.stringify({ id: "big", sql: "INSERT  INTO  t; ".repeat(20_000) })); console.log('{"id":"next"}');`,
    });

    const [big, next] = await migrator.pending(tree, signal);

    expect(big?.sql).toBe("INSERT  INTO  t; ".repeat(20_000));
    expect(next?.id).toBe("next");
  });

  test.each([
    ["a sentence", "No pending migrations!"],
    ["ids with a banner", "Prisma schema loaded\\n20260101_users"],
    ["objects with unknown members", '{"id":"1","statements":[]}'],
    ["objects and then something else", '{"id":"1"}\\nDone.'],
    ["a broken object", '{"id":"1"'],
    ["one id twice", "1\\n1"],
  ])("M2 refuses to take %s for a list", async (_what, printed) => {
    const migrator = await migratorOf({ pending: `console.log('${printed}')` });

    const failure = await failureOf(migrator.pending(tree, signal));

    expect(failure.code).toBe("MIGRATION_FAILED");
    expect(failure.evidence).toContain(printed.split("\\n").at(-1));
  });

  test("M2 a listing that fails is a failure, whatever it printed", async () => {
    const migrator = await migratorOf({
      pending: `console.log("1"); console.error("no such database"); process.exit(3);`,
    });

    const failure = await failureOf(migrator.pending(tree, signal));

    expect(failure).toMatchObject({ code: "MIGRATION_FAILED", at: "databases.shop.migrations" });
    expect(failure.evidence).toContain("no such database");
  });

  test("M2 everything printed goes to the log, in the release's tree and its environment", async () => {
    const migrator = await migratorOf(
      { apply: `console.log(process.cwd()); console.log(process.env.MODE); console.error("notice");` },
      { environment: { MODE: "deploy" } },
    );
    const log: string[] = [];

    await migrator.apply(tree, (line) => log.push(line), signal);

    expect(log.toSorted()).toEqual([tree, "deploy", "notice"].toSorted());
  });

  test("M2 a migration that fails is a failure with the last 50 lines as evidence", async () => {
    const migrator = await migratorOf({
      apply: `for (let n = 1; n <= 80; n++) console.log("line " + n + "."); process.exitCode = 1;`,
    });
    const log: string[] = [];

    const failure = await failureOf(migrator.apply(tree, (line) => log.push(line), signal));

    expect(failure.code).toBe("MIGRATION_FAILED");
    expect(failure.evidence?.split("\n")).toHaveLength(50);
    expect(failure.evidence).toContain("line 80.");
    expect(log).toHaveLength(80);
  });

  test("M2 a migration that hangs is ended after its time", async () => {
    const migrator = await migratorOf({ apply: "setInterval(() => {}, 1000)" }, { timeoutMs: 300 });

    const failure = await failureOf(migrator.apply(tree, () => {}, signal));

    expect(failure.message).toContain("took longer than 300 ms");
  });

  test("K1 a secret that the tool prints reaches neither log nor error", async () => {
    const url = new Secret("DATABASE_URL", "postgresql://owner:hunter2secret@db/shop");
    const migrator = await migratorOf(
      { apply: "console.log('connecting to ' + process.env.DATABASE_URL); process.exitCode = 1" },
      { environment: { DATABASE_URL: url } },
    );
    const log: string[] = [];

    const failure = await failureOf(migrator.apply(tree, (line) => log.push(line), signal));

    expect(log).toEqual(["connecting to [DATABASE_URL]"]);
    expect(JSON.stringify(failure)).not.toContain("hunter2secret");
  });
});
