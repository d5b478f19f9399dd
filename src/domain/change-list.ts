/**
 * What a release changes: the commits as git has them, and who and why as the forge knows it. The forge adds and never replaces: a
 * commit that it does not know stays in the list, and what it did not answer is said.
 */
import type { Release } from "./release.ts";

/** A merged or open request through which a commit came. */
export interface PullRequest {
  readonly number: number;
  readonly title: string;
  /** Who opened it; null: an account that is gone. */
  readonly account: string | null;
}

export interface Change {
  readonly sha: string;
  readonly author: string;
  readonly subject: string;
  /** Absent, as all below, in plans of earlier versions. */
  readonly authorEmail?: string;
  /** The author's account at the forge; null: the email is of nobody there. Absent: the forge was not asked, or does not know the commit. */
  readonly account?: string | null;
  /** Absent: not asked. */
  readonly pullRequests?: readonly PullRequest[];
}

/** A tag as the forge has it. */
export interface ForgeTag {
  readonly commit: string;
  /** Null: a tag alone. */
  readonly release: { readonly name: string; readonly account: string | null } | null;
}

/** What was asked of the forge for a plan. Not part of the plan's digest: it may be away the next time. */
export interface PlanAtForge {
  readonly kind: string;
  readonly repository: string;
  /** Null: it has no such tag. Absent: not asked. */
  readonly tag?: ForgeTag | null;
  /** Why something is missing, in words; null where it answered everything. */
  readonly lacking: string | null;
}

/** What the forge has under the name of the release; undefined where there is nothing to say. */
export function tagAtForge({ ref, commit }: Release, { repository, tag }: PlanAtForge): string | undefined {
  if (tag === undefined) return undefined;
  if (tag === null) return `${repository} has no tag ${ref.name}`;
  if (tag.commit !== commit) {
    return `the tag ${ref.name} of ${repository} stands for another commit: ${tag.commit.slice(0, 12)}`;
  }
  const by = tag.release?.account ? ` by @${tag.release.account}` : "";
  return tag.release ? `released as ${tag.release.name}${by} at ${repository}` : `tagged at ${repository}`;
}

export const isMovedTag = ({ commit }: Release, { tag }: PlanAtForge): boolean =>
  tag !== undefined && tag !== null && tag.commit !== commit;
