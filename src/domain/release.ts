import semver from "semver";

/** What was built and will run: found again by its digest, wherever it lies. */
export interface Artifact {
  readonly component: string;
  /** `sha256:` and 64 hex digits over the artifact's content. */
  readonly digest: string;
  /** `tree`: a folder of files. Later `image`. */
  readonly kind: "tree";
  /** Absolute folder of a tree. */
  readonly location: string;
}

/** A version of the project that can be deployed. */
export interface Release {
  /** As people name it: the tag, or the derived version of a commit. */
  readonly version: string;
  readonly ref: Ref;
  readonly commit: string;
  readonly author: string;
  readonly authorEmail: string;
  readonly subject: string;
  readonly committedAtMs: number;
}

export type Ref = { readonly kind: "tag" | "branch"; readonly name: string };

/**
 * T1: is `text` a version that may name a release? Semver, pre-releases and build included, with an optional leading `v`.
 * Returns why not, in words, or undefined where it is fine.
 */
export function versionFault(text: string): string | undefined {
  if (text.length > 128) return "it is longer than 128 characters";
  if (/\s/.test(text)) return "it contains white space";
  if (text.startsWith("-")) return "it begins with a dash";
  // The library takes `=` and another `v` in front as well.
  if (!/^v?[0-9]/.test(text) || !semver.valid(text.replace(/^v/, "")))
    return "it is not a semantic version such as v1.4.0 or v2.0.0-rc.1";
  return undefined;
}

/** T1: the version of an untagged commit, e.g. `1.4.0-main.20261120.3f2a9c1`: sorts before 1.4.0, after the last release. */
export function derivedVersion(nextVersion: string, branch: string, committedAtMs: number, commit: string): string {
  const day = new Date(committedAtMs).toISOString().slice(0, 10).replaceAll("-", "");
  const safeBranch = branch.replaceAll(/[^0-9A-Za-z-]+/g, "-");
  return `${nextVersion}-${identifier(safeBranch)}.${day}.${identifier(commit.slice(0, 7))}`;
}

/** A number with a leading zero is no identifier of a version: some commits begin with seven such digits. */
const identifier = (text: string): string => (/^0[0-9]+$/.test(text) ? `n${text}` : text);

/** Does `name` match a pattern with `*` (any characters but `/`) and `**` (any characters)? For tags and branches (P5). */
export function refMatches(pattern: string, name: string): boolean {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`).test(name);
}
