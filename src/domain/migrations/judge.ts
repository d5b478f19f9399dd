/**
 * Which rules one statement breaks, by the kind that PostgreSQL's grammar says it is. A kind that is not in the table is one
 * that nobody has thought about: a person reads it.
 */
import { judgeAttached, judgeDefaultGrant, judgeFunction, judgeGrant, judgeView } from "./behaviour.ts";
import { judgeCopy, judgeMerge, judgeRows } from "./data.ts";
import type { Known } from "./known.ts";
import {
  judgeCluster,
  judgeIndex,
  judgeRefresh,
  judgeReindex,
  judgeSetting,
  judgeVacuum,
  judgeWholeTables,
} from "./locks.ts";
import { judgeDomain, judgeDrop, judgeEnumeration, judgeMove, judgeRename } from "./removed-things.ts";
import { type Hit, hit, type MigrationRule, nothing } from "./rules.ts";
import { fieldsOf, kindOf, nodeIn, nodesIn, partIn, type SqlFields, type SqlNode } from "./sql-tree.ts";
import { judgeAlterTable } from "./tables.ts";

type Judge = (fields: SqlFields, known: Known, node: SqlNode) => readonly Hit[];

const harmless: Judge = () => nothing;
const always =
  (rule: MigrationRule, because?: string): Judge =>
  () =>
    hit(rule, because);
const rows: Judge = (_fields, known, node) => judgeRows(node, known);

/** Of these only what is asked for in them can do harm: AS SELECT, and what CREATE SCHEMA makes besides. */
const making: Judge = (fields, known) => {
  const query = nodeIn(fields, "query");
  return query === undefined ? nothing : judgeRows(query, known);
};

const judges: Readonly<Record<string, Judge>> = {
  AlterTableStmt: judgeAlterTable,
  DropStmt: judgeDrop,
  RenameStmt: judgeRename,
  AlterObjectSchemaStmt: judgeMove,
  AlterEnumStmt: judgeEnumeration,
  AlterDomainStmt: judgeDomain,
  DropdbStmt: always("drop-table"),
  DropOwnedStmt: always("drop-table"),
  DropRoleStmt: always("drop-object"),
  DropSubscriptionStmt: always("drop-object"),
  DropTableSpaceStmt: always("drop-object"),
  DropUserMappingStmt: always("drop-object"),

  IndexStmt: judgeIndex,
  ReindexStmt: judgeReindex,
  VacuumStmt: judgeVacuum,
  RepackStmt: always("exclusive-lock"),
  ClusterStmt: judgeCluster,
  RefreshMatViewStmt: judgeRefresh,
  TruncateStmt: judgeWholeTables,
  LockStmt: judgeWholeTables,
  AlterTableMoveAllStmt: always("exclusive-lock"),
  VariableSetStmt: judgeSetting,
  AlterRoleSetStmt: always("change-behaviour"),
  AlterDatabaseSetStmt: always("change-behaviour"),

  SelectStmt: rows,
  InsertStmt: rows,
  UpdateStmt: rows,
  DeleteStmt: rows,
  MergeStmt: judgeMerge,
  CopyStmt: judgeCopy,

  CreateTrigStmt: judgeAttached("relation"),
  RuleStmt: judgeAttached("relation"),
  CreatePolicyStmt: judgeAttached("table"),
  AlterPolicyStmt: judgeAttached("table"),
  CreateEventTrigStmt: always("change-behaviour"),
  CreateFunctionStmt: judgeFunction,
  ViewStmt: judgeView,
  GrantStmt: judgeGrant,
  GrantRoleStmt: judgeGrant,
  AlterDefaultPrivilegesStmt: judgeDefaultGrant,
  AlterSeqStmt: always("change-behaviour"),
  AlterFunctionStmt: always("change-behaviour"),
  AlterExtensionStmt: always("change-behaviour"),
  AlterExtensionContentsStmt: always("change-behaviour"),
  AlterRoleStmt: always("change-behaviour"),
  AlterDatabaseStmt: always("change-behaviour"),
  AlterSystemStmt: always("change-behaviour"),
  AlterTypeStmt: always("change-behaviour"),
  AlterPublicationStmt: always("change-behaviour"),
  AlterSubscriptionStmt: always("change-behaviour"),
  AlterEventTrigStmt: always("change-behaviour"),
  AlterOperatorStmt: always("change-behaviour"),
  AlterOpFamilyStmt: always("change-behaviour"),

  CreateTableAsStmt: making,
  CreateSchemaStmt: (fields, known) =>
    nodesIn(fields, "schemaElts").flatMap((element) => judgeStatement(element, known)),
  DoStmt: always("cannot-analyse", "A DO block runs whatever it makes up."),
  CallStmt: always("cannot-analyse", "What the procedure does is not in the text."),
  ExecuteStmt: always("cannot-analyse", "What was prepared under the name is not known here."),
  PrepareStmt: always("cannot-analyse", "A prepared statement is run by its name, elsewhere."),
  LoadStmt: always("cannot-analyse", "It loads a program into the database."),
};

const harmlessKinds = [
  "AlterOwnerStmt AlterStatsStmt AlterTableSpaceOptionsStmt AlterCollationStmt CheckPointStmt CommentStmt CompositeTypeStmt",
  "ConstraintsSetStmt CreateCastStmt CreateConversionStmt CreateDomainStmt CreateEnumStmt CreateExtensionStmt CreateFdwStmt",
  "CreateForeignServerStmt CreateForeignTableStmt CreateOpClassStmt CreateOpFamilyStmt CreatePublicationStmt CreateRangeStmt",
  "CreateRoleStmt CreateSeqStmt CreateStatsStmt CreateStmt CreateUserMappingStmt DeallocateStmt DefineStmt DiscardStmt ListenStmt",
  "NotifyStmt SecLabelStmt TransactionStmt UnlistenStmt VariableShowStmt",
].flatMap((line) => line.split(" "));

const judgeOf = new Map<string, Judge>([
  ...harmlessKinds.map((kind) => [kind, harmless] as const),
  ...Object.entries(judges),
]);

export function judgeStatement(node: SqlNode, known: Known): readonly Hit[] {
  const judge = judgeOf.get(kindOf(node));
  return judge === undefined ? hit("cannot-analyse") : judge(fieldsOf(node), known, node);
}

const dataKinds = new Set([
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
  "CopyStmt",
  "SelectStmt",
  "TruncateStmt",
]);

export const writesRows = (node: SqlNode): boolean => dataKinds.has(kindOf(node));

/** Statements that take a lock on a table of the present version until their transaction ends. */
export const locksTable = (node: SqlNode): string | undefined => {
  if (kindOf(node) !== "AlterTableStmt") return undefined;
  const { relname } = partIn(fieldsOf(node), "relation");
  return typeof relname === "string" ? relname : undefined;
};
