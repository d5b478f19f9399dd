/**
 * T10: what was deployed to the stage before, and how it went there. Only exactly the same commit and artifacts count, deployed
 * successfully, recently, not rolled back since, with its checks passed and its measurements inside the thresholds.
 */
import type { Json } from "./json.ts";
import type { Outcome } from "./outcome.ts";
import type { Artifact } from "./release.ts";
import { fail, pass, unknown, type Verdict } from "./verdict.ts";

export interface StagingRule {
  readonly environment: string;
  readonly withinMs: number;
  /** Errors per request while it was watched there, 0 to 1; null: not judged. */
  readonly errorRate: number | null;
  /** Fewer requests than this there say nothing about errors. */
  readonly minRequests: number;
  /** The slowest check there; null: not judged. */
  readonly slowestCheckMs: number | null;
}

/** As the ledger has it. */
export interface StagedRow {
  readonly id: string;
  readonly kind: "deploy" | "rollback";
  readonly commit: string;
  readonly outcome: Outcome | null;
  readonly endedAtMs: number | null;
}

/** The newest deployment of the commit, and whether it was rolled back by hand right after. `rows`: newest first. */
export function stagedOf(
  rows: readonly StagedRow[],
  commit: string,
): { readonly row: StagedRow; readonly rolledBack: boolean } | undefined {
  const at = rows.findIndex((row) => row.kind === "deploy" && row.commit === commit);
  const row = rows[at];
  if (row === undefined) return undefined;
  const next = rows[at - 1];
  return { row, rolledBack: next?.kind === "rollback" && next.outcome === "succeeded" };
}

interface Wanted {
  readonly commit: string;
  readonly artifacts: readonly Artifact[];
  readonly nowMs: number;
}

/** @param record what was recorded of it; undefined: nothing. */
export function ruleOnStaging(
  rule: StagingRule,
  wanted: Wanted,
  staged: ReturnType<typeof stagedOf>,
  record: Json | undefined,
): Verdict {
  const { environment } = rule;
  if (staged === undefined) return fail(`${wanted.commit.slice(0, 12)} was never deployed to ${environment}`);
  const { row, rolledBack } = staged;
  if (row.outcome === null || row.endedAtMs === null) return unknown(`${row.id} is still under way in ${environment}`);
  if (row.outcome !== "succeeded") return fail(`${row.id} ended in ${environment} as ${row.outcome}`);
  if (rolledBack) return fail(`${row.id} was rolled back in ${environment} afterwards`);
  const ageMs = wanted.nowMs - row.endedAtMs;
  if (ageMs > rule.withinMs) return fail(`${row.id} was deployed to ${environment} too long ago: ${hours(ageMs)} h`);
  const staging = recordedIn(record);
  if (staging === undefined) return unknown(`there is no record of ${row.id} in ${environment}`);
  return artifactsFault(wanted.artifacts, staging) ?? checksFault(rule, staging) ?? trafficFault(rule, staging) ?? pass;
}

const hours = (ms: number): number => Math.round(ms / 3_600_000);

interface Recorded {
  readonly artifacts: readonly { readonly component: string; readonly digest: string }[];
  readonly smoke: readonly {
    readonly name: string;
    readonly verdict: { readonly kind: string };
    readonly tookMs: number;
  }[];
  readonly observation: { readonly requests: number; readonly errors: number } | null;
}

/** A record of our own making (record.ts); one that lacks these parts is none. */
function recordedIn(record: Json | undefined): Recorded | undefined {
  const parts = record as unknown as Partial<Recorded> | null | undefined;
  if (!Array.isArray(parts?.artifacts) || !Array.isArray(parts.smoke)) return undefined;
  return { artifacts: parts.artifacts, smoke: parts.smoke, observation: parts.observation ?? null };
}

function artifactsFault(wanted: readonly Artifact[], { artifacts }: Recorded): Verdict | undefined {
  if (wanted.length === 0) return unknown("what will be deployed is not built yet, so it cannot be compared");
  const other = wanted.find(
    ({ component, digest }) => !artifacts.some((each) => each.component === component && each.digest === digest),
  );
  return other && fail(`${other.component} is not the artifact that was tested (${other.digest.slice(0, 19)}…)`);
}

function checksFault({ slowestCheckMs }: StagingRule, { smoke }: Recorded): Verdict | undefined {
  const failed = smoke.filter(({ verdict }) => verdict.kind !== "pass").map(({ name }) => name);
  if (failed.length > 0) return fail(`these checks did not pass there: ${failed.join(", ")}`);
  if (slowestCheckMs === null) return undefined;
  if (smoke.length === 0) return unknown("nothing was measured there: no check ran");
  const slow = smoke.filter(({ tookMs }) => tookMs > slowestCheckMs);
  if (slow.length === 0) return undefined;
  return fail(slow.map(({ name, tookMs }) => `${name} took ${Math.round(tookMs)} ms there`).join(", "));
}

function trafficFault({ errorRate, minRequests }: StagingRule, { observation }: Recorded): Verdict | undefined {
  if (errorRate === null) return undefined;
  const { requests, errors } = observation ?? { requests: 0, errors: 0 };
  if (requests < Math.max(1, minRequests))
    return unknown(`${requests} requests were seen there, which say nothing about errors`);
  return errors / requests <= errorRate ? undefined : fail(`${errors} of ${requests} requests failed there`);
}
