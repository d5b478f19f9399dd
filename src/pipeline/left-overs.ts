/**
 * What a migration that failed left behind in its database (M2): the schema is compared with what it was before, every difference
 * is named, and with `cleanUp: safe` what is provably nobody's goes again. Whether it is gone is looked at, not remembered.
 */
import { failureOf } from "../domain/errors.ts";
import { asJson } from "../domain/json.ts";
import { type LeftOver, type LeftOvers, leftOversOf, type RunMigration } from "../domain/migrations/left-overs.ts";
import { type MadeThing, madeByPostgres, madeBySqlite } from "../domain/migrations/made-things.ts";
import { type KnownThing, named, schemaChanges } from "../domain/migrations/schema-things.ts";
import type { PlannedMigration } from "../domain/plan.ts";
import { FlowLost } from "../ports/flow.ts";
import type { Migrator } from "../ports/migrator.ts";
import type { SchemaCare } from "../ports/schema-care.ts";
import type { Parts } from "./parts.ts";
import type { StageContext } from "./stage.ts";

/** By database; null: it could not be looked at, or has too much in it to be remembered. */
export type SchemasBefore = { readonly [database: string]: readonly KnownThing[] | null };

/** Some megabytes of the journal. */
const mostThings = 20_000;

/** Journalled before anything is migrated: whoever takes over half-way must not take a half for the beginning. */
export async function schemasBefore(
  parts: Parts,
  planned: readonly PlannedMigration[],
  ctx: Pick<StageContext, "signal" | "progress">,
): Promise<SchemasBefore> {
  const concerned = parts.migrators.filter(({ database }) => planned.some((one) => one.database === database));
  const looks = concerned.map(async ({ database, schema }) => [database, await lookBefore(database, schema, ctx)]);
  return Object.fromEntries(await Promise.all(looks));
}

async function lookBefore(
  database: string,
  schema: SchemaCare | undefined,
  { signal, progress }: Pick<StageContext, "signal" | "progress">,
): Promise<readonly KnownThing[] | null> {
  if (schema === undefined) return null;
  try {
    const things = await schema.things(signal);
    if (things.length <= mostThings) return things.map(({ path, broken, drop, ...known }) => known);
    await progress(
      `${database}: has ${things.length} tables, columns and the like; what a failed migration leaves is not compared`,
    );
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    signal.throwIfAborted();
    const { message } = failureOf(thrown, "stages.migrate");
    await progress(`${database}: its schema could not be looked at before its migrations: ${message}`, {}, "warn");
  }
  return null;
}

export interface FailedMigrations {
  readonly migrator: Migrator;
  readonly before: readonly KnownThing[] | null;
  readonly planned: readonly PlannedMigration[];
  /** What is pending still. */
  readonly left: readonly string[];
}

/** How it stands now, as the record keeps it. */
export interface LeftBehind {
  readonly database: string;
  readonly takenAway: readonly string[];
  readonly stays: readonly { readonly what: string; readonly why: string; readonly command: string }[];
  readonly altered: readonly string[];
}

/** Undefined: nobody could look. */
export async function dealWithLeftOvers(
  failed: FailedMigrations,
  ctx: StageContext,
  signal: AbortSignal,
): Promise<LeftBehind | undefined> {
  const { migrator, before } = failed;
  if (migrator.schema === undefined || before === null) return undefined;
  try {
    return await lookAndTakeAway(failed, migrator.schema, before, ctx, signal);
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    const { message } = failureOf(thrown, "stages.migrate");
    await ctx.progress(`${migrator.database}: what is left behind could not be looked at: ${message}`, {}, "warn");
    return undefined;
  }
}

async function lookAndTakeAway(
  failed: FailedMigrations,
  schema: SchemaCare,
  before: readonly KnownThing[],
  ctx: StageContext,
  signal: AbortSignal,
): Promise<LeftBehind> {
  const { database } = failed.migrator;
  const [texts, applied] = await Promise.all([
    runMigrations(failed, schema.kind, ctx.parts, signal, true),
    runMigrations(failed, schema.kind, ctx.parts, signal, false),
  ]);
  const look = async () => leftOversOf(schemaChanges(before, await schema.things(signal)), texts, applied);
  const found = await look();
  if (found.added.length > 0) await ctx.progress(foundWords(database, failed.left, found), {}, "warn");
  const kept = await takeAway(found, schema, database, ctx, signal);
  const now = found.added.length === 0 ? found : await look();
  const behind = standing(database, schema, found, now, kept);
  await ctx.progress(behindWords(behind), { leftBehind: asJson(behind) }, isAsBefore(behind) ? "ok" : "warn");
  return behind;
}

async function runMigrations(
  { migrator, planned, left }: FailedMigrations,
  kind: SchemaCare["kind"],
  { sqlGrammar }: Parts,
  signal: AbortSignal,
  pending: boolean,
): Promise<readonly RunMigration[]> {
  const texts = planned
    .filter(({ database, id }) => database === migrator.database && left.includes(id) === pending)
    .map(({ id, sql }) => ({ id, sql: sql ?? "" }));
  const made: readonly (readonly MadeThing[])[] =
    kind === "sqlite"
      ? texts.map(({ sql }) => madeBySqlite(sql))
      : (
          await sqlGrammar.read(
            texts.map(({ sql }) => sql),
            signal,
          )
        ).map(madeByPostgres);
  return texts.map((text, at) => ({ ...text, made: made[at] ?? [] }));
}

const cleanUpOf = ({ settings }: Parts, database: string) =>
  settings.migrations.find((one) => one.database === database)?.cleanUp ?? "off";

/** Why each of those that stay does, by label. */
async function takeAway(
  { added }: LeftOvers,
  schema: SchemaCare,
  database: string,
  ctx: StageContext,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const kept = new Map<string, string>();
  for (const { thing, stays } of added) {
    const off = cleanUpOf(ctx.parts, database) === "off" ? `migrations.${database}.cleanUp is off` : null;
    const why = stays ?? off ?? (await goes(schema, thing, ctx, signal));
    if (why !== undefined) kept.set(named(thing), why);
  }
  return kept;
}

async function goes(
  schema: SchemaCare,
  thing: LeftOver["thing"],
  ctx: StageContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  await ctx.guard();
  return schema.takeAway(thing, signal);
}

function standing(
  database: string,
  schema: SchemaCare,
  found: LeftOvers,
  now: LeftOvers,
  kept: ReadonlyMap<string, string>,
): LeftBehind {
  const there = new Set(now.added.map(({ thing }) => named(thing)));
  return {
    database,
    takenAway: found.added.map(({ thing }) => named(thing)).filter((what) => !there.has(what)),
    stays: now.added.map(({ thing }) => ({
      what: named(thing),
      why: kept.get(named(thing)) ?? "it is there again",
      command: schema.command(thing.drop),
    })),
    altered: now.altered,
  };
}

const foundWords = (database: string, left: readonly string[], { added }: LeftOvers): string =>
  `${database}: ${left[0] ?? "the failed migration"} left behind: ${added
    .map(({ thing, by }) => `${named(thing)} (${by === null ? "new since this deployment began" : `made by ${by}`})`)
    .join(", ")}`;

export const isAsBefore = ({ stays, altered }: LeftBehind): boolean => stays.length === 0 && altered.length === 0;

const nothingLeft = "nothing of what failed is left in the schema";

function behindWords(behind: LeftBehind): string {
  const { database, takenAway, stays, altered } = behind;
  const gone =
    takenAway.length === 0 ? [] : [`cleaned up, since nothing was in it and nobody used it: ${takenAway.join(", ")}`];
  const left = stays.map(({ what, why, command }) => `${what} stays (${why}): ${command}`);
  const whole = isAsBefore(behind) ? [nothingLeft] : [];
  return `${database}: ${[...gone, ...left, ...altered, ...whole].join("; ")}`;
}

/** For the failure's own sentence. */
export function stateWords(behind: LeftBehind): string {
  const { takenAway, stays, altered } = behind;
  const parts = [
    ...(takenAway.length === 0 ? [] : [`taken away again: ${takenAway.join(", ")}`]),
    ...stays.map(({ what, why }) => `${what} is left behind (${why})`),
    ...altered,
    ...(isAsBefore(behind) ? [nothingLeft] : []),
  ];
  return parts.join("; ");
}

/** For the record: what is there now and was not, or is not as it was. */
export const remainsIn = ({ database, takenAway, stays, altered }: LeftBehind): readonly string[] => [
  ...takenAway.map((what) => `${database}: ${what} was made and taken away again`),
  ...stays.map(({ what, why, command }) => `${database}: ${what} is left behind (${why}): ${command}`),
  ...altered.map((what) => `${database}: ${what}`),
];

/** Of a few, the commands themselves. */
const mostCommands = 3;

/** What the operator does next; undefined: the failure's own hint says it. */
export function leftOverHint(
  behind: LeftBehind,
  { migrator, left }: Pick<FailedMigrations, "migrator" | "left">,
  deploymentId: string,
): string | undefined {
  const undone = left[0] === undefined ? undefined : migrator.sayUndone?.(left[0]);
  if (isAsBefore(behind)) return undone;
  const commands = behind.stays.slice(0, mostCommands).map(({ command }) => command);
  if (commands.length === 0) return undefined;
  const all = behind.stays.length > mostCommands ? [`the rest: sluice logs ${deploymentId}`] : [];
  const then = undone === undefined ? [] : [undone];
  return `Once you know that nobody needs what is left, take it away: ${[...commands, ...all].join(" · ")}${then.map((words) => ` · then: ${words}`).join("")}`;
}
