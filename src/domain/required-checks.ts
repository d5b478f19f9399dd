/**
 * T7 T4: whether the required checks of a commit have passed. Only a success counts: what was skipped or was "neutral" checked
 * nothing. A check of the same name from another app is not the check that was asked for.
 */

/** An App signs its checks; a status is set by whoever may write to the repository. */
type CheckMaker =
  | { readonly kind: "app"; readonly id: number; readonly slug: string }
  | { readonly kind: "status"; readonly creator: string };

/** A check as a forge knows it, of exactly the commit that was asked about. */
export interface ForgeCheck {
  readonly name: string;
  readonly from: CheckMaker;
  readonly state: "pending" | "passed" | "failed";
  /** The forge's own word: `success`, `timed_out`, `in_progress`. */
  readonly word: string;
  /** Rises with time: a check that was run again has a higher one. */
  readonly order: number;
}

export type RequiredCheck =
  | { readonly kind: "app"; readonly name: string; readonly app: number | string }
  | { readonly kind: "status"; readonly name: string; readonly creator: string | null };

export type ChecksRuling =
  | { readonly kind: "passed"; readonly detail: string }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "waiting"; readonly missing: readonly string[]; readonly pending: readonly string[] };

/** One that failed decides at once; one that is missing or under way is worth waiting for. */
export function ruleOnChecks(required: readonly RequiredCheck[], found: readonly ForgeCheck[]): ChecksRuling {
  const all = required.map((wanted) => ({ wanted, check: newestOf(wanted, found) }));
  const failed = all.filter(({ check }) => check?.state === "failed");
  if (failed.length > 0) {
    const words = failed.map(({ wanted, check }) => `${wanted.name}: ${check?.word}`).join(", ");
    return { kind: "failed", reason: words };
  }
  const missing = all.filter(({ check }) => check === undefined).map(({ wanted }) => missingIn(wanted, found));
  const pending = all.flatMap(({ check }) => (check?.state === "pending" ? [`${check.name}: ${check.word}`] : []));
  if (missing.length + pending.length > 0) return { kind: "waiting", missing, pending };
  return { kind: "passed", detail: `${required.length} required: ${required.map(({ name }) => name).join(", ")}` };
}

function newestOf(wanted: RequiredCheck, found: readonly ForgeCheck[]): ForgeCheck | undefined {
  return found
    .filter((check) => check.name === wanted.name && isFrom(wanted, check))
    .reduce<ForgeCheck | undefined>((best, check) => (best && best.order > check.order ? best : check), undefined);
}

function isFrom(wanted: RequiredCheck, { from }: ForgeCheck): boolean {
  if (wanted.kind === "status") {
    return from.kind === "status" && (wanted.creator === null || wanted.creator === from.creator);
  }
  return from.kind === "app" && (typeof wanted.app === "number" ? from.id : from.slug) === wanted.app;
}

/** Somebody else's check of that name is worth telling: it is a mistake in the configuration, or an attempt. */
function missingIn(wanted: RequiredCheck, found: readonly ForgeCheck[]): string {
  const others = found.filter(({ name }) => name === wanted.name).map(({ from }) => sourceOf(from));
  const expected =
    wanted.kind === "app" ? `app ${wanted.app}` : `a status${wanted.creator ? ` by ${wanted.creator}` : ""}`;
  return others.length === 0
    ? `${wanted.name} (${expected})`
    : `${wanted.name} (from ${[...new Set(others)].join(", ")}, which does not count; ${expected} does)`;
}

const sourceOf = (from: CheckMaker): string =>
  from.kind === "app" ? `app ${from.slug} (${from.id})` : `a status by ${from.creator}`;
