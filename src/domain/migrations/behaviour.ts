/** Rule 6, and of rule 13 what hides statements in texts: functions, triggers, grants. */
import { isNew, type Known } from "./known.ts";
import { type Hit, hit, nothing } from "./rules.ts";
import { fieldsOf, isSet, nodesIn, nodesOfKinds, partIn, type SqlFields, textIn } from "./sql-tree.ts";

/** Something attached to a table: a trigger, a rule, a policy. */
export const judgeAttached =
  (field: string) =>
  (fields: SqlFields, known: Known): readonly Hit[] =>
    isNew(partIn(fields, field), known) ? nothing : hit("change-behaviour");

/** Only what a function replaces changes anything now; a body that makes up its statements cannot be read at all. */
export function judgeFunction(fields: SqlFields): readonly Hit[] {
  const makesUp = bodyOf(fields).some((text) =>
    /\bexecute\b(?!\s+(function|procedure)\b)/i.test(withoutComments(text)),
  );
  return [
    ...(isSet(fields, "replace") ? hit("change-behaviour") : nothing),
    ...(makesUp ? hit("cannot-analyse", "The function runs statements that it makes up (EXECUTE).") : nothing),
  ];
}

const withoutComments = (text: string): string => text.replace(/--[^\n]*/g, "");

/** The texts of `AS '…'`. */
function bodyOf(fields: SqlFields): readonly string[] {
  const bodies = nodesIn(fields, "options")
    .map(fieldsOf)
    .filter((option) => textIn(option, "defname") === "as");
  return nodesOfKinds(bodies, texts).map(([, text]) => textIn(text, "sval"));
}

const texts = new Set(["String"]);

export const judgeView = (fields: SqlFields): readonly Hit[] =>
  isSet(fields, "replace") ? hit("change-behaviour") : nothing;

export const judgeGrant = (fields: SqlFields): readonly Hit[] =>
  isSet(fields, "is_grant")
    ? nothing
    : hit("change-behaviour", "What the version that serves now may do is taken from it.");

export const judgeDefaultGrant = (fields: SqlFields): readonly Hit[] => judgeGrant(partIn(fields, "action"));
