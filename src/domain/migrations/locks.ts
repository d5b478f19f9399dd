/** Rules 7, 8 and 12: locks, and how long others wait for them. */
import { isSettingCall } from "./expressions.ts";
import { isNew, type Known } from "./known.ts";
import { type Hit, hit, nothing } from "./rules.ts";
import {
  constantIn,
  fieldsOf,
  isSet,
  nodeIn,
  nodesIn,
  partIn,
  type SqlFields,
  type SqlNode,
  textIn,
} from "./sql-tree.ts";

export function judgeIndex(fields: SqlFields, known: Known): readonly Hit[] {
  if (isNew(partIn(fields, "relation"), known)) return nothing;
  return [
    ...(isSet(fields, "unique") ? hit("new-constraint") : nothing),
    ...(isSet(fields, "concurrent") ? nothing : hit("blocking-index")),
  ];
}

export function judgeReindex(fields: SqlFields, known: Known): readonly Hit[] {
  if (isNew(partIn(fields, "relation"), known) || optionIsOn(nodesIn(fields, "params"), "concurrently")) return nothing;
  return hit("blocking-index");
}

/** An option without a value is on. */
const optionIsOn = (options: readonly SqlNode[], name: string): boolean =>
  options.map(fieldsOf).some((option) => textIn(option, "defname") === name && !isOff(option));

function isOff(option: SqlFields): boolean {
  const argument = fieldsOf(nodeIn(option, "arg"));
  return /^(false|off|0|f|no|n)$/i.test(String(argument.sval ?? argument.ival ?? argument.boolval ?? ""));
}

export function judgeVacuum(fields: SqlFields, known: Known): readonly Hit[] {
  const tables = nodesIn(fields, "rels").map((table) => partIn(fieldsOf(table), "relation"));
  const allNew = tables.length > 0 && tables.every((table) => isNew(table, known));
  return optionIsOn(nodesIn(fields, "options"), "full") && !allNew ? hit("exclusive-lock") : nothing;
}

export const judgeCluster = (fields: SqlFields, known: Known): readonly Hit[] =>
  isNew(partIn(fields, "relation"), known) ? nothing : hit("exclusive-lock");

export const judgeRefresh = (fields: SqlFields, known: Known): readonly Hit[] =>
  isSet(fields, "concurrent") || isNew(partIn(fields, "relation"), known)
    ? nothing
    : hit("exclusive-lock", "Nothing reads the view until it is filled anew; with CONCURRENTLY it can be read.");

/** TRUNCATE and LOCK TABLE; with CASCADE a TRUNCATE empties tables that it does not name. */
export function judgeWholeTables(fields: SqlFields, known: Known): readonly Hit[] {
  const tables = nodesIn(fields, "relations").map(fieldsOf);
  const cascades = textIn(fields, "behavior") === "DROP_CASCADE";
  return !cascades && tables.every((table) => isNew(table, known)) ? nothing : hit("exclusive-lock");
}

const limits = new Set(["lock_timeout", "statement_timeout"]);

export function judgeSetting(fields: SqlFields): readonly Hit[] {
  const value = constantIn(nodesIn(fields, "args")[0]);
  if (textIn(fields, "name") === "session_replication_role") return hit("change-behaviour", rulesDoNotHold);
  return limits.has(textIn(fields, "name")) && isZero(value) ? hit("timeout-off") : nothing;
}

const rulesDoNotHold = "Foreign keys and triggers do not hold for what is written from here on.";

/** `SELECT set_config('lock_timeout', '0', …)` says the same. */
export function judgeSettingCalls(called: readonly SqlFields[]): readonly Hit[] {
  const switchesOff = called.filter(isSettingCall).some((call) => {
    const [name, value] = nodesIn(call, "args").map(constantIn);
    return limits.has(name ?? "") && isZero(value);
  });
  return switchesOff ? hit("timeout-off") : nothing;
}

const isZero = (value: string | undefined): boolean => value !== undefined && /^\s*0+(\.0+)?\s*[a-z]*\s*$/i.test(value);

/** CONCURRENTLY, by whatever statement says it. */
export function isConcurrent(kind: string, fields: SqlFields): boolean {
  if (kind === "ReindexStmt") return optionIsOn(nodesIn(fields, "params"), "concurrently");
  if (kind === "IndexStmt" || kind === "DropStmt") return isSet(fields, "concurrent");
  if (kind !== "AlterTableStmt") return false;
  const parts = nodesIn(fields, "cmds").map((command) => fieldsOf(nodeIn(fieldsOf(command), "def")));
  return parts.some((part) => isSet(part, "concurrent"));
}
