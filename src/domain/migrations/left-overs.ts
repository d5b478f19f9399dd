/**
 * What a failed migration left behind, and what of it may be taken away again without a person: only what its own statements made,
 * what was not there before, and what no other migration of the same run speaks of. Whether it is empty and unused is
 * looked at under its lock, by the adapter that takes it away.
 */
import { isMadeBy, type MadeThing } from "./made-things.ts";
import { type KnownThing, named, type SchemaChanges, type SchemaKind, type SchemaThing } from "./schema-things.ts";

/** A migration of this run, with what its statements make. */
export interface RunMigration {
  readonly id: string;
  /** Empty where its tool does not show it: then nothing of it is known. */
  readonly sql: string;
  readonly made: readonly MadeThing[];
}

export interface LeftOver {
  readonly thing: SchemaThing;
  /** The migration that made it; null: no statement that says so. */
  readonly by: string | null;
  /** Why it has to stay; null: it may go, if it is empty and unused. */
  readonly stays: string | null;
}

export interface LeftOvers {
  /** The last one made comes first: it may use the ones before. */
  readonly added: readonly LeftOver[];
  /** In words: what was there before and is another thing now, or is not there. */
  readonly altered: readonly string[];
}

export function leftOversOf(
  changes: SchemaChanges,
  failed: readonly RunMigration[],
  applied: readonly RunMigration[],
): LeftOvers {
  const isOfApplied = (thing: KnownThing) => speaksOf(applied, thing) && !speaksOf(failed, thing);
  return {
    added: addedBy(changes.added, failed, applied)
      .map((thing) => judged(thing, failed, applied))
      .toSorted((a, b) => placeIn(failed, b.thing) - placeIn(failed, a.thing)),
    altered: [
      ...changes.gone.filter((thing) => !isOfApplied(thing)).map((thing) => `${named(thing)} is gone`),
      ...changes.changed
        .filter(({ thing }) => !isOfApplied(thing))
        .map(({ was, thing }) => `${named(thing)} was "${was}" and is "${thing.like}"`),
    ],
  };
}

/** Without what the applied ones made. A new table stands for its parts, unless it is theirs: then only what the failed one says. */
function addedBy(
  added: readonly SchemaThing[],
  failed: readonly RunMigration[],
  applied: readonly RunMigration[],
): readonly SchemaThing[] {
  const isOfApplied = (thing: SchemaThing) =>
    !makerOf(failed, thing) && (makerOf(applied, thing) || (speaksOf(applied, thing) && !speaksOf(failed, thing)));
  const theirs = new Map(
    added.filter(({ kind }) => kind === "table").map((table) => [table.label, isOfApplied(table)] as const),
  );
  return added.filter((thing) => {
    const ofNewTable = theirs.get(thing.of ?? "");
    return ofNewTable === undefined ? !isOfApplied(thing) : ofNewTable && makerOf(failed, thing);
  });
}

const makerOf = (migrations: readonly RunMigration[], thing: SchemaThing): RunMigration | undefined =>
  migrations.find(({ made }) => made.some((one) => isMadeBy(thing, one)));

function judged(thing: SchemaThing, failed: readonly RunMigration[], applied: readonly RunMigration[]): LeftOver {
  const by = makerOf(failed, thing)?.id ?? null;
  return { thing, by, stays: whyItStays(thing, by, applied) };
}

const mayGo: ReadonlySet<SchemaKind> = new Set(["table", "column", "index"]);

function whyItStays(thing: SchemaThing, by: string | null, applied: readonly RunMigration[]): string | null {
  if (!mayGo.has(thing.kind)) return `a ${thing.kind} is never taken away by itself`;
  if (thing.kind === "index" && !thing.broken) return "it works, so a query may use it by now";
  if (by === null) return "no statement of the failed migration says that it made it";
  if (speaksOf(applied, thing)) return "a migration that is applied speaks of it too";
  return null;
}

/** The position in all statements together; an unknown one is the first. */
function placeIn(failed: readonly RunMigration[], thing: SchemaThing): number {
  return failed.flatMap(({ made }) => made).findIndex((one) => isMadeBy(thing, one));
}

/** Its name stands somewhere in the text, as a word of its own. */
function speaksOf(migrations: readonly RunMigration[], { name }: KnownThing): boolean {
  const word = new RegExp(`(?<![\\w$])${name.replaceAll(/[^\w]/g, "\\$&")}(?![\\w$])`, "i");
  return migrations.some(({ sql }) => word.test(sql));
}
