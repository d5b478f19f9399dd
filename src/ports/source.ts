/** The project's version control (git), read only: refs, commits, and exported trees. */
export interface Commit {
  /** 40 hex digits. */
  readonly sha: string;
  readonly author: string;
  readonly authorEmail: string;
  readonly committedAtMs: number;
  /** First line of the message. */
  readonly subject: string;
}

export interface Source {
  /** The commit a tag or branch names; undefined where there is none. Never interprets the name as an option. */
  resolve(
    ref: { readonly kind: "tag" | "branch"; readonly name: string },
    signal: AbortSignal,
  ): Promise<Commit | undefined>;
  /** Full or abbreviated (at least 7 hex digits) commit id. */
  commit(sha: string, signal: AbortSignal): Promise<Commit | undefined>;
  /** Commits reachable from `to` and not from `from`, newest first, at most `limit`. `from` undefined: the last `limit`. */
  changes(from: string | undefined, to: string, limit: number, signal: AbortSignal): Promise<readonly Commit[]>;
  /** Paths with uncommitted changes; empty when the tree is clean (F7). */
  dirtyPaths(signal: AbortSignal): Promise<readonly string[]>;
  /** Writes the commit's files to an empty or missing folder. */
  exportTree(sha: string, folder: string, signal: AbortSignal): Promise<void>;
}
