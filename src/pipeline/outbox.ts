/**
 * N3: notifications leave from the outbox, at least once, with an idempotency key; a channel that is down delays nothing, but for
 * one try before a deployment ends (settle.ts).
 */
import { type Failure, failureOf } from "../domain/errors.ts";
import type { Earlier } from "../ports/notifier.ts";
import type { OutboxRow } from "../ports/outbox.ts";
import type { Parts } from "./parts.ts";

const firstRetryMs = 1_000;
const longestRetryMs = 5 * 60_000;
/** A channel that asks for more is asked again after this. */
const longestWaitMs = 60 * 60_000;
const giveUpAfterMs = 3 * 24 * 60 * 60_000;
const atOnce = 20;

export interface Outbox {
  /** Tries what is due. */
  deliver(signal: AbortSignal): Promise<void>;
}

/** One try at a time: two side by side would tell everything twice. */
export function outboxOf(parts: Sending, deploymentId: string): Outbox {
  let last: Promise<unknown> = Promise.resolve();
  return {
    deliver(signal) {
      const next = last.then(() => deliverNotifications(parts, deploymentId, signal));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

type Sending = Pick<Parts, "ledger" | "notifiers" | "clock">;

export async function deliverNotifications(
  parts: Sending,
  deploymentId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await deliverAll(parts, await parts.ledger.dueNotifications(atOnce, deploymentId), signal, nothingOver);
}

/** What deployments left behind that ended while a channel was down. */
export async function deliverLeft(parts: Sending & Pick<Parts, "settings">, signal: AbortSignal): Promise<void> {
  const { environment } = parts.settings;
  while (!signal.aborted) {
    const left = await parts.ledger.claimLeftNotifications(environment, atOnce, longestRetryMs);
    if (left.length === 0) return;
    const [latest] = await parts.ledger.deployments({ environment, limit: 1 });
    const succeededAtMs = latest?.outcome === "succeeded" ? (latest.endedAtMs ?? 0) : 0;
    const isOver = ({ deploymentId, notification }: OutboxRow) =>
      deploymentId !== latest?.id && notification.atMs < succeededAtMs;
    await deliverAll(parts, left, signal, isOver);
  }
}

type IsOver = (row: OutboxRow) => boolean;
const nothingOver: IsOver = () => false;

/** Channels and deployments side by side; what one channel hears of one deployment in order, up to what it does not take. */
async function deliverAll(
  parts: Sending,
  rows: readonly OutboxRow[],
  signal: AbortSignal,
  isOver: IsOver,
): Promise<void> {
  const lines = Map.groupBy(rows, ({ deploymentId, channel }) => `${deploymentId}\n${channel}`);
  await Promise.all([...lines.values()].map((line) => deliverLine(parts, line, signal, isOver)));
}

async function deliverLine(
  parts: Sending,
  line: readonly OutboxRow[],
  signal: AbortSignal,
  isOver: IsOver,
): Promise<void> {
  let thread = line[0]?.thread ?? null;
  for (const row of line) {
    const outcome = await deliverOne(parts, row, signal, { thread, isOver: isOver(row) });
    if (outcome === "later") return;
    if (outcome !== "given up") thread ??= outcome.thread;
  }
}

async function deliverOne(
  { ledger, notifiers, clock }: Sending,
  row: OutboxRow,
  signal: AbortSignal,
  earlier: Earlier,
): Promise<"later" | "given up" | Pick<Earlier, "thread">> {
  const notifier = notifiers.find(({ name }) => name === row.channel);
  if (notifier === undefined) {
    await ledger.notificationFailed(row.key, "the channel is not configured any more", null);
    return "given up";
  }
  let thread: Awaited<ReturnType<typeof notifier.tell>>;
  try {
    thread = await notifier.tell(row.notification, row.key, signal, earlier);
  } catch (thrown) {
    const failure = failureOf(thrown, `notify.${row.channel}`);
    const retryAfterMs = signal.aborted ? firstRetryMs : nextTryMs(row, failure, clock.now());
    await ledger.notificationFailed(row.key, failure.message, retryAfterMs);
    return retryAfterMs === null ? "given up" : "later";
  }
  await ledger.notificationDelivered(row.key, thread ?? undefined);
  return { thread: thread ?? null };
}

/** Null: trying again is no use (a refused address, a wrong token), or it is so old that nobody waits for it. */
function nextTryMs(row: OutboxRow, { remedy, retryAfterMs = 0 }: Failure, nowMs: number): number | null {
  if (remedy === "operator" || nowMs - row.notification.atMs > giveUpAfterMs) return null;
  const backOffMs = Math.min(longestRetryMs, firstRetryMs * 2 ** row.attempts);
  return Math.max(backOffMs, Math.min(longestWaitMs, retryAfterMs));
}
