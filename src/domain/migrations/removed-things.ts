/** Rule 1: what is dropped, renamed or moved away. */
import { isNew, type Known } from "./known.ts";
import { type Hit, hit, type MigrationRule, nothing } from "./rules.ts";
import {
  fieldsOf,
  kindOf,
  namesIn,
  nodeIn,
  nodesIn,
  partIn,
  relationName,
  type SqlFields,
  type SqlNode,
  textIn,
} from "./sql-tree.ts";

const rowsWithin = new Set(["TABLE", "FOREIGN_TABLE", "VIEW", "MATVIEW", "SCHEMA"]);
const ofTables = new Set(["TRIGGER", "POLICY", "RULE"]);

const objectOf = (fields: SqlFields, field: string): string => textIn(fields, field).replace(/^OBJECT_/, "");

export function judgeDrop(fields: SqlFields, known: Known): readonly Hit[] {
  const removed = objectOf(fields, "removeType");
  const names = nodesIn(fields, "objects").map(nameOfDropped);
  if (ofTables.has(removed)) {
    const tables = names.map((name) => name.slice(0, -1).join("."));
    return tables.every((table) => known.relations.has(table)) ? nothing : hit("change-behaviour");
  }
  if (names.every((name) => isKnown(removed, name.join("."), known))) return nothing;
  if (removed === "INDEX") return hit("drop-index");
  return hit(rowsWithin.has(removed) ? "drop-table" : "drop-object");
}

/** Names come as lists, as single strings (schemas) and as type names. */
function nameOfDropped(object: SqlNode): readonly string[] {
  if (kindOf(object) === "String") return namesIn([object]);
  const fields = fieldsOf(object);
  return namesIn([...nodesIn(fields, "items"), ...nodesIn(fields, "names")]);
}

function isKnown(removed: string, name: string, { relations, types }: Known): boolean {
  if (removed === "TYPE") return types.has(name);
  return ["TABLE", "FOREIGN_TABLE", "VIEW", "MATVIEW", "SEQUENCE", "INDEX"].includes(removed) && relations.has(name);
}

const renameRules: Readonly<Record<string, MigrationRule>> = {
  COLUMN: "rename-column",
  ATTRIBUTE: "rename-column",
  TABLE: "rename-table",
  FOREIGN_TABLE: "rename-table",
  VIEW: "rename-table",
  MATVIEW: "rename-table",
  TABCONSTRAINT: "drop-constraint",
};
/** Statements do not name them. */
const renamedUnseen = new Set(["INDEX", "TRIGGER", "POLICY", "RULE", "DOMCONSTRAINT", "EVENT_TRIGGER"]);

export function judgeRename(fields: SqlFields, known: Known): readonly Hit[] {
  const renamed = objectOf(fields, "renameType");
  if (renamedUnseen.has(renamed) || isNew(partIn(fields, "relation"), known)) return nothing;
  return hit(renameRules[renamed] ?? "rename-object");
}

export function judgeMove(fields: SqlFields, known: Known): readonly Hit[] {
  if (relationName(partIn(fields, "relation")) !== "" && isNew(partIn(fields, "relation"), known)) return nothing;
  return hit(rowsWithin.has(objectOf(fields, "objectType")) ? "rename-table" : "rename-object");
}

/** ALTER TYPE … ADD VALUE and RENAME VALUE of an enumeration. */
export function judgeEnumeration(fields: SqlFields, { types }: Known): readonly Hit[] {
  if (types.has(namesIn(nodesIn(fields, "typeName")).join("."))) return nothing;
  return hit(textIn(fields, "oldVal") === "" ? "enum-value" : "rename-enum-value");
}

const domainChanges: Readonly<Record<string, MigrationRule>> = {
  T: "change-behaviour",
  N: "drop-not-null",
  O: "set-not-null",
  X: "drop-constraint",
};

/** The one-letter codes are PostgreSQL's. */
export function judgeDomain(fields: SqlFields): readonly Hit[] {
  const subtype = textIn(fields, "subtype");
  if (subtype === "V") return nothing;
  if (subtype === "C") {
    const checksNow = fieldsOf(nodeIn(fields, "def")).skip_validation !== true;
    return [...hit("new-constraint"), ...(checksNow ? hit("validated-at-once") : nothing)];
  }
  if (subtype === "T" && nodeIn(fields, "def") === undefined) return hit("drop-default");
  return hit(domainChanges[subtype] ?? "cannot-analyse");
}
