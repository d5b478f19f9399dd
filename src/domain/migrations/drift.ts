/** Rule 14: whether what the database says was applied is what the release brings, and in the release's order. */
import { findingOf, type MigrationFinding } from "./finding.ts";
import type { MigrationRule } from "./rules.ts";

export interface AppliedMark {
  readonly id: string;
  /** As the tool wrote it down when it applied it; absent where it keeps none. */
  readonly checksum?: string;
  /** Of the release's file, in the same form; null: the release has no such file. */
  readonly releasedChecksum?: string | null;
  /** The text that was applied is known, and the release's says the same. */
  readonly onlyCommentsDiffer?: boolean;
}

/** Ids count upwards: `9_add` comes before `10_fill`. */
const order = new Intl.Collator("en", { numeric: true });

export function findDrift(
  applied: readonly AppliedMark[],
  pending: readonly { readonly id: string }[],
): readonly MigrationFinding[] {
  const last = applied.map(({ id }) => id).reduce((a, b) => (order.compare(a, b) > 0 ? a : b), "");
  return [
    ...applied.filter(({ releasedChecksum }) => releasedChecksum === null).map(({ id }) => found("lost-migration", id)),
    ...applied.filter(isEdited).map(edited),
    ...pending
      .filter(({ id }) => order.compare(id, last) < 0)
      .map(({ id }) =>
        found(
          "out-of-order",
          id,
          `It stands before ${last}, which is applied already: other databases had them in the other order.`,
        ),
      ),
  ];
}

export const isEdited = ({ checksum, releasedChecksum }: AppliedMark): boolean =>
  checksum !== undefined && typeof releasedChecksum === "string" && checksum !== releasedChecksum;

const edited = ({ id, onlyCommentsDiffer }: AppliedMark): MigrationFinding =>
  onlyCommentsDiffer
    ? {
        ...found(
          "edited-migration",
          id,
          "Only comments and blanks differ from what was applied: the schema is the same.",
        ),
        severity: "warn",
      }
    : found("edited-migration", id);

const found = (rule: MigrationRule, id: string, because?: string): MigrationFinding =>
  findingOf(because === undefined ? { rule } : { rule, because }, id, id);
