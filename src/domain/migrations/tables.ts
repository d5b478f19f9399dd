/** ALTER TABLE, action by action, on a table of the present version. */
import { judgeColumnConstraint, judgeNewConstraint } from "./constraints.ts";
import { volatileFunction } from "./expressions.ts";
import { isNew, type Known } from "./known.ts";
import { type Hit, hit, type MigrationRule, nothing } from "./rules.ts";
import {
  fieldsOf,
  isNullConstant,
  namesIn,
  nodeIn,
  nodesIn,
  partIn,
  relationName,
  type SqlFields,
  textIn,
} from "./sql-tree.ts";

export function judgeAlterTable(fields: SqlFields, known: Known): readonly Hit[] {
  const relation = partIn(fields, "relation");
  if (isNew(relation, known)) return nothing;
  const object = textIn(fields, "objtype");
  if (object === "OBJECT_INDEX") return nothing;
  if (object === "OBJECT_TYPE") return hit("change-type", "Values of the type have another form from here on.");
  return nodesIn(fields, "cmds").flatMap((command) => judgeAction(fieldsOf(command), relationName(relation), known));
}

type Action = (command: SqlFields, table: string, known: Known) => readonly Hit[];

const always =
  (rule: MigrationRule, because?: string): Action =>
  () =>
    hit(rule, because);

const harmless: Action = () => nothing;

/** The version that serves now does not know a column that the same set of migrations added. */
const judgeDefault: Action = (command, table, { columns }) => {
  if (nodeIn(command, "def") === undefined) return hit("drop-default");
  return columns.has(`${table} ${textIn(command, "name")}`)
    ? nothing
    : hit("change-behaviour", "Inserts of the version that serves now get another value than before.");
};

/** By PostgreSQL's names of the actions, without their `AT_`. */
const actions: Readonly<Record<string, Action>> = {
  AddColumn: (command) => judgeNewColumn(fieldsOf(nodeIn(command, "def"))),
  DropColumn: always("drop-column"),
  ColumnDefault: judgeDefault,
  DropIdentity: always("drop-default"),
  DropExpression: always("drop-default", "The version that serves now does not write the column, which stays NULL."),
  SetExpression: always("table-rewrite"),
  AddIdentity: always(
    "change-behaviour",
    "A value that the version that serves now writes may be refused (GENERATED ALWAYS).",
  ),
  SetIdentity: always("change-behaviour"),
  SetNotNull: always("set-not-null"),
  DropNotNull: always("drop-not-null"),
  AlterColumnType: always("change-type"),
  AddConstraint: (command) => judgeNewConstraint(fieldsOf(nodeIn(command, "def"))),
  AlterConstraint: always("new-constraint", "Writes of the version that serves now are checked at another moment."),
  DropConstraint: always("drop-constraint"),
  ValidateConstraint: (command, table, { constraintsHere }) =>
    constraintsHere.has(`${table} ${textIn(command, "name")}`) ? hit("validated-at-once", validatedBeside) : nothing,
  DetachPartition: always("drop-table", "The version that serves now does not find the partition's rows any more."),
  AttachPartition: harmless,
  DetachPartitionFinalize: harmless,
  SetLogged: always("exclusive-lock", "The whole table is written anew under an exclusive lock."),
  SetUnLogged: always("exclusive-lock", "The whole table is written anew, and its rows do not survive a crash."),
  SetTableSpace: always("exclusive-lock", "The whole table is copied under an exclusive lock."),
  SetAccessMethod: always("exclusive-lock", "The whole table is written anew under an exclusive lock."),
  AddInherit: always("change-behaviour"),
  DropInherit: always("change-behaviour"),
  AddOf: harmless,
  DropOf: harmless,
  ReplicaIdentity: always("change-behaviour", "Who follows the table by replication may miss updates and deletions."),
  ChangeOwner: always("change-behaviour", "What the version that serves now may do can hang on the owner."),
  ClusterOn: harmless,
  DropCluster: harmless,
  SetStatistics: harmless,
  SetOptions: harmless,
  ResetOptions: harmless,
  SetStorage: harmless,
  SetCompression: harmless,
  SetRelOptions: harmless,
  ResetRelOptions: harmless,
};

const validatedBeside =
  "The lock under which the constraint was added stays until the same transaction has read all rows.";

function judgeAction(command: SqlFields, table: string, known: Known): readonly Hit[] {
  const name = textIn(command, "subtype").replace(/^AT_/, "");
  const action = actions[name];
  if (action !== undefined) return action(command, table, known);
  // ENABLE and DISABLE of triggers, rules and row level security, in many forms.
  return hit(/^(Enable|Disable|Force|NoForce)/.test(name) ? "change-behaviour" : "cannot-analyse");
}

const serialTypes = /^(small|big)?serial[248]?$/;

function judgeNewColumn(column: SqlFields): readonly Hit[] {
  const constraints = nodesIn(column, "constraints").map(fieldsOf);
  const kinds = constraints.map((constraint) => textIn(constraint, "contype"));
  const value = constraints.find((constraint) => textIn(constraint, "contype") === "CONSTR_DEFAULT");
  const expression = value && nodeIn(value, "raw_expr");
  const hasDefault = expression !== undefined && !isNullConstant(expression);
  const type = namesIn(nodesIn(partIn(column, "typeName"), "names")).at(-1) ?? "";
  const numbered = serialTypes.test(type) || kinds.includes("CONSTR_IDENTITY");
  const fills = hasDefault || numbered || kinds.includes("CONSTR_GENERATED");
  const required = kinds.includes("CONSTR_NOTNULL") || kinds.includes("CONSTR_PRIMARY");
  return [
    ...(required && !fills ? hit("required-column") : nothing),
    ...rewrites(constraints, expression, numbered),
    ...constraints.flatMap((constraint) => judgeColumnConstraint(constraint, hasDefault)),
    ...(type === "json" ? hit("change-behaviour", jsonHasNoEquality) : nothing),
  ];
}

const jsonHasNoEquality =
  "SELECT DISTINCT and UNION of the version that serves now fail where they meet a json column, which has no equality; jsonb has.";

function rewrites(constraints: readonly SqlFields[], expression: unknown, numbered: boolean): readonly Hit[] {
  if (numbered)
    return hit("table-rewrite", "Every row gets its number, so the table is written anew under an exclusive lock.");
  if (constraints.some((constraint) => textIn(constraint, "generated_kind") === "s"))
    return hit(
      "table-rewrite",
      "A stored column is computed for every row, so the table is written anew under an exclusive lock.",
    );
  const called = volatileFunction(expression);
  return called === undefined
    ? nothing
    : hit(
        "table-rewrite",
        `${called}() may give each row another value, so the table is written anew under an exclusive lock.`,
      );
}
