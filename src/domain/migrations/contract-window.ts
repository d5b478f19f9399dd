/**
 * When something may be taken away (M4). Whether code uses a column stands in no migration, so the team says it: the line
 * `-- sluice: safe since v1.4.0` above a statement means that v1.4.0 and everything after it can live with it. What Sluice
 * knows is which versions serve and may come back, and when that ends.
 */
import semver from "semver";
import type { MigrationFinding } from "./finding.ts";
import { declaration } from "./rule.ts";
import { migrationRules } from "./rules.ts";

export interface ServedVersion {
  readonly version: string;
  readonly sinceMs: number;
}

export interface WindowFacts {
  /** What served, newest first; the first one serves now. */
  readonly served: readonly ServedVersion[];
  /** For how long after a promotion the version before may come back by hand. */
  readonly windowMs: number;
  readonly nowMs: number;
}

export type ContractRuling =
  | { readonly kind: "allowed"; readonly reason: string }
  /** `fromMs` absent: no waiting helps, a release has to come first. */
  | { readonly kind: "refused"; readonly reason: string; readonly fromMs?: number };

/** The version that the comments above a statement name, in a line of its own. Undefined: they name none. */
export function safeSinceIn(comments: string): string | undefined {
  const lines = comments.replace(/\/\*[\s\S]*?\*\//g, "");
  return /^[ \t]*--[ \t]*sluice:[ \t]*safe since[ \t]+(\S+)\s*$/im.exec(lines)?.[1];
}

/** Until when a run may still go back to a version for which `needs` holds; undefined where none may. */
function backUntilMs(
  { served, windowMs, nowMs }: WindowFacts,
  needs: (version: string) => boolean,
): number | undefined {
  const ends = served
    .slice(0, -1)
    .filter((_run, at) => needs(served[at + 1]?.version ?? ""))
    .map(({ sinceMs }) => sinceMs + windowMs);
  const last = Math.max(0, ...ends);
  return last > nowMs ? last : undefined;
}

export function ruleOnContract(safeSince: string | undefined, facts: WindowFacts): ContractRuling {
  const [serving] = facts.served;
  if (serving === undefined) return { kind: "allowed", reason: "Nothing serves that could need it." };
  if (safeSince === undefined) return undeclared(serving, facts);
  const oldest = semver.parse(safeSince);
  if (oldest === null)
    return { kind: "refused", reason: `"${safeSince}" is no version; it reads like ${declaration("v1.4.0")}.` };
  const needs = (version: string): boolean => {
    const known = semver.parse(version);
    return known === null || semver.lt(known, oldest);
  };
  if (needs(serving.version))
    return {
      kind: "refused",
      reason: `${serving.version} serves and still needs it; ${safeSince} has to serve first.`,
    };
  const fromMs = backUntilMs(facts, needs);
  if (fromMs === undefined)
    return {
      kind: "allowed",
      reason: `Declared safe since ${safeSince}; nothing before that serves or can come back.`,
    };
  return {
    kind: "refused",
    reason: `A rollback to a version before ${safeSince} is possible until ${moment(fromMs)}; from then on it is allowed.`,
    fromMs,
  };
}

function undeclared(serving: ServedVersion, { windowMs, nowMs }: WindowFacts): ContractRuling {
  const endsMs = serving.sinceMs + windowMs;
  const window = endsMs > nowMs ? ` The rollback window of ${serving.version} is open until ${moment(endsMs)}.` : "";
  return {
    kind: "refused",
    reason: `Nothing says that ${serving.version} can live without it: say so by ${declaration(serving.version)} above the statement, where it is true.${window}`,
  };
}

const moment = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** A finding that waits for the window, under today's facts: allowed it stays as a remark, so that people see what is taken away. */
export function underWindow(finding: MigrationFinding, facts: WindowFacts): MigrationFinding {
  if (migrationRules[finding.rule].waits !== true || facts.served.length === 0) return finding;
  const ruling = ruleOnContract(finding.safeSince, facts);
  if (ruling.kind === "allowed") return { ...finding, severity: "warn", reason: ruling.reason, recipe: [] };
  return { ...finding, reason: `${finding.reason} ${ruling.reason}` };
}
