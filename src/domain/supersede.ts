/**
 * L1 P3: whose place a newer release takes. Two releases asked for in one environment are compared by their versions; where
 * those say nothing, the later request counts.
 *
 * Only what was asked for later takes the place of what was asked for earlier. So an older version that somebody asks for on
 * purpose, while or after a newer one went out, is nobody's leftover: it neither takes a place nor loses its own.
 */
import semver from "semver";
import { SluiceError } from "./errors.ts";

export interface Requested {
  readonly id: string;
  readonly kind: "deploy" | "rollback";
  readonly version: string;
}

/** By which deployment, and which version it brings. */
export interface Superseded {
  readonly by: string;
  readonly version: string;
}

/** `earlier` was asked for before `later`. A rollback is a person's answer to trouble: it has no part in this, either way. */
export function takesPlaceOf(later: Requested, earlier: Requested): boolean {
  if (later.kind === "rollback" || earlier.kind === "rollback") return false;
  return orderOf(later.version, earlier.version) >= 0;
}

/** Of all that is under way in its environment, newest first, as the ledger lists it. */
export function whosePlace<Row extends Requested>(id: string, rows: readonly Row[]): readonly Row[] {
  const at = rows.findIndex((row) => row.id === id);
  const own = rows[at];
  return own === undefined ? [] : rows.slice(at + 1).filter((row) => takesPlaceOf(own, row));
}

/** 0 where the versions are the same, or say nothing about which is newer. */
function orderOf(a: string, b: string): number {
  const [first, second] = [derived(a), derived(b)];
  if (!semver.valid(first.version) || !semver.valid(second.version)) return 0;
  // Names of branches have an alphabet, but no order in time.
  if (first.line !== null && second.line !== null && first.line !== second.line) return 0;
  return semver.compare(first.version, second.version);
}

/** Of an untagged commit (release.ts) the base, branch and day: the commit at its end has no order. */
function derived(version: string): { readonly version: string; readonly line: string | null } {
  const [, dated, line] = /^((.+)\.\d{8})\.n?[0-9a-f]{7}$/.exec(version) ?? [];
  return dated === undefined || line === undefined ? { version, line: null } : { version: dated, line };
}

export const superseded = (id: string, environment: string, { by, version }: Superseded): SluiceError =>
  new SluiceError({
    code: "SUPERSEDED",
    remedy: "operator",
    at: `deployment ${id}`,
    message: `${version} (deployment ${by}), asked for later, took its place in ${environment} before it held the lock.`,
    hint: `Nothing was touched. Follow the newer one: sluice status ${by}`,
  });
