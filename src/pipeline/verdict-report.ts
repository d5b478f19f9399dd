/** O4 Z2: the comparison as it is kept with the record: read from the ledger's buckets, drawn, or the reason why there is none. */
import { failureOf } from "../domain/errors.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import { caughtIn, type FixedVerdict, type RecordedVerdict, recordVerdict } from "../domain/verdict-record.ts";
import type { Run } from "./run.ts";

export const verdictFile = "verdict.svg";

/** Fourteen hours of the usual grid. Playing more of them again would keep the process from its heartbeat. */
const longest = 10_000;

export interface ReportedVerdict {
  readonly recorded: RecordedVerdict;
  /** Undefined where nothing was compared. */
  readonly svg?: string;
}

export async function reportVerdict(run: Run, events: readonly DeploymentEvent[]): Promise<ReportedVerdict> {
  const { ledger, settings } = run.parts;
  const row = await ledger.evidence(run.row.id);
  const none = (why: string): ReportedVerdict => ({
    recorded: { compared: false, why, caught: caughtIn(events, null) },
  });
  if (row === undefined) return none(whyNone(run, events));
  const intervals = row.nextIndex - (row.plan as unknown as FixedVerdict).canary.firstIndex;
  if (intervals > longest) return none(`it took ${intervals} intervals, too many for a record; the ledger keeps them`);
  const facts = {
    fixed: row.plan as unknown as FixedVerdict,
    mode: settings.rollout.verdict.mode,
    environment: settings.environment,
    buckets: await ledger.evidenceBuckets(run.row.id),
    events,
  };
  try {
    return recordVerdict(facts);
  } catch (thrown) {
    // A comparison that cannot be told must not cost the whole record.
    const { message } = failureOf(thrown, "pipeline.verdict-report");
    return none(`what was compared cannot be played again: ${message}`);
  }
}

/** The rollout told it when it began; one that never began has another reason. */
function whyNone(run: Run, events: readonly DeploymentEvent[]): string {
  if (run.row.kind === "rollback") return "a rollback goes back at once";
  const told = events.find(({ step, phase }) => step === "verdict" && phase === "progress");
  return told?.title ?? "it did not get as far as its rollout";
}
