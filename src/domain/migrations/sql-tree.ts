/**
 * The part of PostgreSQL's parse tree that the lint looks at, with the field names of PostgreSQL's own nodes (parsenodes.h), as
 * an adapter hands it over. A node is an object whose one key is its kind. Fields that mean "no", 0 or nothing are absent.
 */
export interface SqlNode {
  readonly [kind: string]: SqlFields;
}

export interface SqlFields {
  readonly [field: string]: unknown;
}

export interface ParsedStatement {
  /** As written. */
  readonly text: string;
  /** The lines above it, behind the end of the statement before. */
  readonly comments: string;
  readonly node: SqlNode;
}

export type StatementsReading =
  | { readonly kind: "read"; readonly statements: readonly ParsedStatement[] }
  | { readonly kind: "fault"; readonly fault: string };

export const kindOf = (node: SqlNode | undefined): string => Object.keys(node ?? {})[0] ?? "";

export const fieldsOf = (node: SqlNode | undefined): SqlFields => Object.values(node ?? {})[0] ?? {};

export const textIn = (fields: SqlFields, name: string): string => {
  const value = fields[name];
  return typeof value === "string" ? value : "";
};

export const isSet = (fields: SqlFields, name: string): boolean => fields[name] === true;

/** A field whose kind is fixed, so that the tree does not name it (`relation` of ALTER TABLE). */
export const partIn = (fields: SqlFields, name: string): SqlFields => {
  const value = fields[name];
  return typeof value === "object" && value !== null ? (value as SqlFields) : {};
};

/** A field that can be a node of several kinds. */
export const nodeIn = (fields: SqlFields, name: string): SqlNode | undefined => {
  const value = fields[name];
  return typeof value === "object" && value !== null ? (value as SqlNode) : undefined;
};

export const nodesIn = (fields: SqlFields, name: string): readonly SqlNode[] => {
  const value = fields[name];
  return Array.isArray(value) ? (value as readonly SqlNode[]) : [];
};

/** Names come as lists of strings: `public.users` is two of them. */
export const namesIn = (nodes: readonly SqlNode[]): readonly string[] =>
  nodes.map((node) => textIn(partIn(node, "String"), "sval"));

/** `schema.table` as written; a name without its schema is another one than the same name with it. */
export const relationName = (relation: SqlFields): string =>
  [textIn(relation, "catalogname"), textIn(relation, "schemaname"), textIn(relation, "relname")]
    .filter((part) => part !== "")
    .join(".");

/** The value of a constant: text as it is, numbers and booleans as text. Undefined for whatever has to be computed. */
export function constantIn(node: SqlNode | undefined): string | undefined {
  if (kindOf(node) !== "A_Const") return undefined;
  const fields = fieldsOf(node);
  if ("sval" in fields) return textIn(partIn(fields, "sval"), "sval");
  if ("ival" in fields) return String(partIn(fields, "ival").ival ?? 0);
  if ("fval" in fields) return textIn(partIn(fields, "fval"), "fval");
  return "boolval" in fields ? String(partIn(fields, "boolval").boolval ?? false) : undefined;
}

export const isNullConstant = (node: SqlNode | undefined): boolean =>
  kindOf(node) === "A_Const" && isSet(fieldsOf(node), "isnull");

export type FoundNode = readonly [kind: string, fields: SqlFields];

/**
 * The nodes of these kinds within, itself among them. One walk without recursion and without copies: how large and how deep
 * a tree is, is its author's choice, and nothing else runs meanwhile.
 */
export function nodesOfKinds(root: unknown, kinds: ReadonlySet<string>): readonly FoundNode[] {
  const found: FoundNode[] = [];
  const ahead: unknown[] = [root];
  while (ahead.length > 0) {
    const next = ahead.pop() as SqlFields;
    for (const key in next) {
      const inner = next[key];
      if (typeof inner !== "object" || inner === null) continue;
      if (kinds.has(key)) found.push([key, inner as SqlFields]);
      ahead.push(inner);
    }
  }
  return found;
}
