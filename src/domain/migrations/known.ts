/** What earlier statements of the same set made: the version that serves now does not know it, so nothing done to it can break it. */
import {
  fieldsOf,
  isSet,
  kindOf,
  namesIn,
  nodeIn,
  nodesIn,
  type ParsedStatement,
  partIn,
  relationName,
  type SqlFields,
  textIn,
} from "./sql-tree.ts";

export interface Known {
  /** Tables, views, sequences and indexes; they share their names. */
  readonly relations: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  /** `table constraint`, added by the same migration. */
  readonly constraintsHere: ReadonlySet<string>;
  /** `table column`, added by the set. */
  readonly columns: ReadonlySet<string>;
}

export const isNew = (relation: SqlFields, { relations }: Known): boolean => relations.has(relationName(relation));

/** Remembers across the migrations of one set. */
export function newMemory() {
  const relations = new Set<string>();
  const types = new Set<string>();
  const temporary = new Set<string>();
  const constraintsHere = new Set<string>();
  const columns = new Set<string>();
  const forget = () => {
    relations.clear();
    types.clear();
    columns.clear();
  };
  return {
    known: { relations, types, constraintsHere, columns } satisfies Known,
    note({ node }: ParsedStatement) {
      const [kind, fields] = [kindOf(node), fieldsOf(node)];
      // The same name may mean another table from here on, or nothing was made after all.
      if (changesNames(kind, fields)) forget();
      addAll(types, createdTypes(kind, fields));
      const made = createdRelations(kind, fields);
      addAll(relations, made.map(relationName));
      addAll(temporary, made.filter(isTemporary).map(relationName));
      noteRename(kind, fields, relations);
      for (const name of droppedRelations(kind, fields)) relations.delete(name);
      addAll(constraintsHere, addedConstraints(kind, fields));
      addAll(columns, addedColumns(kind, fields));
    },
    /** A temporary table ends with its session, which may be the migration's. */
    endOfMigration() {
      for (const name of temporary) relations.delete(name);
      temporary.clear();
      constraintsHere.clear();
    },
  };
}

function changesNames(kind: string, fields: SqlFields): boolean {
  if (kind === "VariableSetStmt") return textIn(fields, "name") === "search_path";
  return kind === "TransactionStmt" && textIn(fields, "kind").startsWith("TRANS_STMT_ROLLBACK");
}

/** IF NOT EXISTS may find one that is there already. */
function createdRelations(kind: string, fields: SqlFields): readonly SqlFields[] {
  if (isSet(fields, "if_not_exists")) return [];
  switch (kind) {
    case "CreateStmt":
      return [partIn(fields, "relation")];
    case "CreateForeignTableStmt":
      return createdRelations("CreateStmt", partIn(fields, "base"));
    case "CreateTableAsStmt":
      return [partIn(partIn(fields, "into"), "rel")];
    case "CreateSeqStmt":
      return [partIn(fields, "sequence")];
    case "ViewStmt":
      return isSet(fields, "replace") ? [] : [partIn(fields, "view")];
    case "IndexStmt":
      return [{ relname: textIn(fields, "idxname"), schemaname: textIn(partIn(fields, "relation"), "schemaname") }];
    default:
      return [];
  }
}

const createdTypes = (kind: string, fields: SqlFields): readonly string[] =>
  kind === "CreateEnumStmt" ? [namesIn(nodesIn(fields, "typeName")).join(".")] : [];

function noteRename(kind: string, fields: SqlFields, relations: Set<string>): void {
  const from = partIn(fields, "relation");
  if (kind !== "RenameStmt" || textIn(fields, "subname") !== "" || !relations.delete(relationName(from))) return;
  relations.add(relationName({ ...from, relname: textIn(fields, "newname") }));
}

function droppedRelations(kind: string, fields: SqlFields): readonly string[] {
  if (kind !== "DropStmt") return [];
  return nodesIn(fields, "objects").map((object) => namesIn(nodesIn(fieldsOf(object), "items")).join("."));
}

const addedConstraints = (kind: string, fields: SqlFields): readonly string[] =>
  addedBy("AT_AddConstraint", "conname", kind, fields);

const addedColumns = (kind: string, fields: SqlFields): readonly string[] =>
  addedBy("AT_AddColumn", "colname", kind, fields);

function addedBy(subtype: string, nameField: string, kind: string, fields: SqlFields): readonly string[] {
  if (kind !== "AlterTableStmt") return [];
  const table = relationName(partIn(fields, "relation"));
  return nodesIn(fields, "cmds")
    .map(fieldsOf)
    .filter((command) => textIn(command, "subtype") === subtype)
    .map((command) => `${table} ${textIn(fieldsOf(nodeIn(command, "def")), nameField)}`);
}

const isTemporary = (relation: SqlFields): boolean => textIn(relation, "relpersistence") === "t";

function addAll(set: Set<string>, names: readonly string[]): void {
  for (const name of names) set.add(name);
}
