/** Rules 11 and 13: statements that read and write rows, with everything that stands inside them. */
import { callsIn, unknownFunction } from "./expressions.ts";
import { isNew, type Known } from "./known.ts";
import { judgeSettingCalls } from "./locks.ts";
import { type Hit, hit, nothing } from "./rules.ts";
import {
  constantIn,
  fieldsOf,
  isSet,
  kindOf,
  nodeIn,
  nodesIn,
  nodesOfKinds,
  partIn,
  type SqlFields,
  type SqlNode,
  textIn,
} from "./sql-tree.ts";

/** A WHERE in a subquery bounds nothing, so each statement within is judged by its own. */
export function judgeRows(node: SqlNode, known: Known): readonly Hit[] {
  const called = callsIn(node);
  const unknown = unknownFunction(called);
  return [
    ...(unknown === undefined ? nothing : hit("cannot-analyse", `What ${unknown}() does is not in the text.`)),
    ...judgeSettingCalls(called),
    ...nodesOfKinds(node, writing).flatMap(([, fields]) => judgeWrite(fields, known)),
  ];
}

const writing = new Set(["UpdateStmt", "DeleteStmt"]);
const changing = new Set([...writing, "MergeStmt"]);

function judgeWrite(fields: SqlFields, known: Known): readonly Hit[] {
  if (isNew(partIn(fields, "relation"), known)) return nothing;
  return boundsNothing(nodeIn(fields, "whereClause")) ? hit("unbounded-write") : nothing;
}

/** No WHERE, one that is a constant, or one that compares constants. */
function boundsNothing(where: SqlNode | undefined): boolean {
  if (where === undefined || constantIn(where) !== undefined) return true;
  if (kindOf(where) !== "A_Expr") return false;
  const fields = fieldsOf(where);
  return constantIn(nodeIn(fields, "lexpr")) !== undefined && constantIn(nodeIn(fields, "rexpr")) !== undefined;
}

/** Whether a statement changes rows that the version that serves now can see. */
export const changesKnownRows = (node: SqlNode, known: Known): boolean =>
  nodesOfKinds(node, changing).some(([, fields]) => !isNew(partIn(fields, "relation"), known));

export function judgeCopy(fields: SqlFields, known: Known): readonly Hit[] {
  if (isSet(fields, "is_program")) return hit("cannot-analyse", "It runs a program on the database's machine.");
  const query = nodeIn(fields, "query");
  if (query !== undefined) return judgeRows(query, known);
  if (!isSet(fields, "is_from")) return nothing;
  return textIn(fields, "filename") === ""
    ? nothing
    : hit("cannot-analyse", "The rows come from a file of the database's machine.");
}

/** MERGE writes by its conditions; WHEN NOT MATCHED BY SOURCE reaches every row that nothing is joined to. */
export function judgeMerge(fields: SqlFields, known: Known): readonly Hit[] {
  const inner = judgeRows({ MergeStmt: fields }, known);
  const reachesAll = nodesIn(fields, "mergeWhenClauses")
    .map(fieldsOf)
    .some((clause) => textIn(clause, "matchKind") === "MERGE_WHEN_NOT_MATCHED_BY_SOURCE" && !("condition" in clause));
  return reachesAll && !isNew(partIn(fields, "relation"), known) ? [...inner, ...hit("unbounded-write")] : inner;
}
