/** What a database's schema consists of, and how it differs from what it was before a deployment's migrations. */

export type SchemaKind =
  | "schema"
  | "extension"
  | "table"
  | "view"
  | "sequence"
  | "type"
  | "function"
  | "column"
  | "index"
  | "constraint"
  | "trigger";

/** As it is journalled before migrations run. */
export interface KnownThing {
  readonly kind: SchemaKind;
  /** For people, and without doubt: `orders`, `orders.note`, `audit.orders_total on audit.orders`. */
  readonly label: string;
  /** As the database compares it, without its schema and its table. */
  readonly name: string;
  /** The label of the table it belongs to. */
  readonly of: string | null;
  /** The database's own number, where it has one: the same name under another number is another thing. */
  readonly id: string;
  /** What it is like: a column's type and default, whether an index can be used. A change shows here. */
  readonly like: string;
}

export interface SchemaThing extends KnownThing {
  /** Its names as the database compares them: schema, table, and its own where it belongs to a table. */
  readonly path: readonly string[];
  /** True: an index that no query uses, since building it failed. */
  readonly broken: boolean;
  /** The statement with which a person takes it away. */
  readonly drop: string;
}

export interface SchemaChanges {
  readonly added: readonly SchemaThing[];
  readonly changed: readonly { readonly was: string; readonly thing: SchemaThing }[];
  /** A table stands for all that belonged to it. */
  readonly gone: readonly KnownThing[];
}

const keyOf = ({ kind, label, id }: KnownThing): string => `${kind} ${label} ${id}`;

export function schemaChanges(before: readonly KnownThing[], now: readonly SchemaThing[]): SchemaChanges {
  const was = new Map(before.map((thing) => [keyOf(thing), thing]));
  const is = new Set(now.map(keyOf));
  const added = now.filter((thing) => !was.has(keyOf(thing)));
  const gone = before.filter((thing) => !is.has(keyOf(thing)));
  return {
    added,
    gone: withoutParts(gone),
    changed: now.flatMap((thing) => {
      const former = was.get(keyOf(thing));
      return former === undefined || former.like === thing.like ? [] : [{ was: former.like, thing }];
    }),
  };
}

function withoutParts(things: readonly KnownThing[]): readonly KnownThing[] {
  const tables = new Set(things.filter(({ kind }) => kind === "table").map(({ label }) => label));
  return things.filter(({ of }) => of === null || !tables.has(of));
}

export const named = ({ kind, label }: KnownThing): string => `${kind} ${label}`;
