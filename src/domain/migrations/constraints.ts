/** Rules 4, 8 and 9: constraints on tables that are there. */
import { type Hit, hit, nothing } from "./rules.ts";
import { isSet, type SqlFields, textIn } from "./sql-tree.ts";

/** ADD CONSTRAINT on a table of the present version. */
export function judgeNewConstraint(constraint: SqlFields): readonly Hit[] {
  switch (textIn(constraint, "contype")) {
    case "CONSTR_CHECK":
    case "CONSTR_FOREIGN":
      return [...hit("new-constraint"), ...(isSet(constraint, "skip_validation") ? nothing : hit("validated-at-once"))];
    case "CONSTR_NOTNULL":
      return isSet(constraint, "skip_validation") ? hit("new-constraint", nullsRefused) : hit("set-not-null");
    case "CONSTR_UNIQUE":
    case "CONSTR_PRIMARY":
    case "CONSTR_EXCLUSION": {
      const hasIndex = textIn(constraint, "indexname") !== "";
      return [...hit("new-constraint"), ...(hasIndex ? nothing : hit("blocking-index", builtUnderLock))];
    }
    default:
      return hit("cannot-analyse");
  }
}

const nullsRefused = "The version that serves now may still write NULL; its inserts and updates fail.";
const builtUnderLock =
  "The index of the constraint is built under an exclusive lock: nothing uses the table meanwhile.";

/**
 * A constraint that comes with a new column. The rows that are there hold NULL, unless there is a default: a foreign key is
 * then not checked, a CHECK is, row by row.
 */
export function judgeColumnConstraint(constraint: SqlFields, hasDefault: boolean): readonly Hit[] {
  switch (textIn(constraint, "contype")) {
    case "CONSTR_FOREIGN":
      return [...hit("new-constraint", parentsKept), ...(hasDefault ? hit("validated-at-once") : nothing)];
    case "CONSTR_CHECK":
      return hit("validated-at-once");
    case "CONSTR_UNIQUE":
    case "CONSTR_PRIMARY":
      return hit("blocking-index", builtUnderLock);
    default:
      return nothing;
  }
}

const parentsKept =
  "Once the candidate writes the column, the version that serves now can no longer delete the rows that it points to.";
