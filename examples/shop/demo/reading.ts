/** A deployment as the table shows it, read from the ledger: how it ended, why, and how soon that was known. */
import type { Failure } from "../../../src/domain/errors.ts";
import type { DeploymentEvent } from "../../../src/domain/events.ts";
import type { Outcome } from "../../../src/domain/outcome.ts";
import type { DeploymentRow, Ledger } from "../../../src/ports/ledger.ts";

export interface DeploymentReading {
  readonly id: string;
  readonly outcome: Outcome | undefined;
  readonly why: string;
  /** The failure's own words and its evidence, line by line; empty where nothing failed. */
  readonly reasons: readonly string[];
  readonly detectMs: number | undefined;
  /** Processes that worked on it, one after the other. */
  readonly executions: number;
}

type Detail = Readonly<Record<string, unknown>>;

const detailOf = (event: DeploymentEvent): Detail => event.detail as Detail;

export async function latestIn(ledger: Ledger, environment: string): Promise<DeploymentRow | undefined> {
  const [row] = await ledger.deployments({ environment, limit: 1 });
  return row;
}

export const isAt =
  (percent: number) =>
  (event: DeploymentEvent): boolean =>
    detailOf(event).shifted === true && detailOf(event).percent === percent;

export async function readDeployment(ledger: Ledger, row: DeploymentRow): Promise<DeploymentReading> {
  const events = await ledger.events(row.id, 0);
  const record = (await ledger.record(row.id)) as Detail | undefined;
  const failure = record?.failure as Failure | null | undefined;
  const lines = failure ? [failure.message, ...(failure.evidence ?? "").split("\n")] : [];
  return {
    id: row.id,
    outcome: row.outcome ?? undefined,
    why: failure ? failure.message : held(events),
    reasons: lines.map((line) => line.trim()).filter((line) => line !== ""),
    detectMs: failure ? detection(row, events) : undefined,
    // Every execution tells anew what it found in the journal.
    executions: new Set(events.filter(({ attempt }) => attempt > 0).map(({ attempt }) => attempt)).size,
  };
}

/** "held at 5 %, 50 % and 100 %", with the migrations that were applied on the way. */
function held(events: readonly DeploymentEvent[]): string {
  const shifts = events.filter((event) => detailOf(event).shifted === true);
  const percents = [...new Set(shifts.map((event) => `${detailOf(event).percent} %`))];
  const last = percents.pop() ?? "nothing";
  return `held at ${percents.length > 0 ? `${percents.join(", ")} and ${last}` : last}`;
}

/** From the moment from which it could be seen (traffic at that weight, the step's begin) to the decision. */
function detection(row: DeploymentRow, events: readonly DeploymentEvent[]): number | undefined {
  const decision = events.find(({ phase, tone }) => phase === "end" && tone === "bad");
  if (decision === undefined) {
    const plan = events.findLast(({ step, phase }) => step === "plan" && phase === "end");
    return plan && plan.atMs - row.createdAtMs;
  }
  const before = events.filter(({ seq }) => seq < decision.seq);
  const shift = before.findLast((event) => detailOf(event).shifted === true);
  const begin = before.findLast(({ step, phase }) => step === decision.step && phase === "begin");
  const from = decision.step === "rollout" ? (shift ?? begin) : begin;
  return from && decision.atMs - from.atMs;
}
