/** A deployment as the table shows it, read from the ledger: how it ended, why, and how soon that was known. */
import type { DeploymentEvent } from "../../../src/domain/events.ts";
import type { Outcome } from "../../../src/domain/outcome.ts";
import type { DeploymentRow, Ledger } from "../../../src/ports/ledger.ts";

export interface DeploymentReading {
  readonly id: string;
  readonly outcome: Outcome | undefined;
  readonly why: string;
  readonly detectMs: number | undefined;
  /** How often a process took it over from a dead one. */
  readonly takenOver: number;
  readonly servesNow: string | undefined;
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
  const failure = record?.failure as { readonly message: string } | null | undefined;
  const servesNow = record?.serves_now;
  const attempts = new Set(events.map(({ attempt }) => attempt).filter((attempt) => attempt > 0));
  const takenOver = events.some(isAt(50)) ? repeatedBegins(events) : 0;
  return {
    id: row.id,
    outcome: row.outcome ?? undefined,
    why: failure ? sentence(failure.message) : held(events),
    detectMs: failure ? detection(row, events) : undefined,
    takenOver: Math.min(takenOver, attempts.size),
    servesNow: typeof servesNow === "string" ? servesNow : undefined,
  };
}

/** A step that began again under a later attempt was cut off by the death of its process. */
function repeatedBegins(events: readonly DeploymentEvent[]): number {
  const begins = events.filter(({ phase }) => phase === "begin").map(({ step, key }) => `${step} ${key}`);
  return begins.length - new Set(begins).size;
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

const longest = 150;

function sentence(message: string): string {
  const line = message.replaceAll(/\s+/g, " ").trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`;
}
