/** What the outbox does with each answer of a channel: a ledger in memory, a clock that is moved by hand. */
import { expect, test } from "vitest";
import { SluiceError } from "../../src/domain/errors.ts";
import { asJson } from "../../src/domain/json.ts";
import type { Notification } from "../../src/domain/notification.ts";
import { memoryLedger } from "../../src/engine/ledger/memory-ledger.ts";
import { deliverNotifications } from "../../src/pipeline/outbox.ts";
import type { Earlier } from "../../src/ports/notifier.ts";
import { hour, minute, second } from "./world-settings.ts";

const { signal } = new AbortController();
const day = 24 * hour;

const refusal = (remedy: "retry" | "operator", retryAfterMs?: number): SluiceError =>
  new SluiceError({
    code: "NOTIFICATION_FAILED",
    remedy,
    at: "notify.team",
    message: "refused",
    hint: "sluice status",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

/** A channel whose answers are given in order; with none left it takes everything. */
function outboxWith(answers: (SluiceError | object | undefined)[]) {
  let nowMs = Date.UTC(2026, 10, 20);
  const ledger = memoryLedger({ now: () => nowMs, id: "ledger-1" });
  const told: { readonly title: string; readonly earlier: Earlier | undefined; readonly atMs: number }[] = [];
  const team = {
    kind: "memory",
    name: "team",
    wants: () => true,
    async tell({ title }: Notification, _key: string, _signal: AbortSignal, earlier?: Earlier) {
      told.push({ title, earlier, atMs: nowMs });
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer === undefined ? undefined : asJson(answer);
    },
  };
  const clock = { now: () => nowMs, sleep: async () => undefined };
  return {
    ledger,
    told,
    enqueue: (...titles: string[]) =>
      ledger.enqueueNotifications(
        titles.map((title) => ({ key: title, channel: "team", notification: notification(title, nowMs) })),
      ),
    async deliver(afterMs = 0) {
      nowMs += afterMs;
      await deliverNotifications({ ledger, notifiers: [team], clock }, "d-1", signal);
    },
  };
}

test("N3 a channel that asks for a pause is asked again after it, not before, and holds back what comes later", async () => {
  const outbox = outboxWith([refusal("retry", 30 * second)]);
  await outbox.enqueue("started", "succeeded");

  await outbox.deliver();
  await outbox.deliver(29 * second);
  expect(outbox.told).toHaveLength(1);
  await outbox.deliver(second);

  expect(outbox.told.map(({ title }) => title)).toEqual(["started", "started", "succeeded"]);
});

test("N3 a channel that asks for a day is asked again within an hour", async () => {
  const outbox = outboxWith([refusal("retry", day)]);
  await outbox.enqueue("started");

  await outbox.deliver();
  await outbox.deliver(hour);

  expect(outbox.told).toHaveLength(2);
});

test("N3 the pauses double, up to five minutes", async () => {
  const outbox = outboxWith(Array.from({ length: 12 }, () => refusal("retry")));
  await outbox.enqueue("started");

  for (let seconds = 0; seconds < 40 * 60; seconds++) await outbox.deliver(second);

  const pauses = outbox.told.slice(1).map(({ atMs }, at) => (atMs - (outbox.told[at]?.atMs ?? 0)) / second);
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
});

test("N3 what is refused for good is given up at once and shown, and what follows is told", async () => {
  const outbox = outboxWith([refusal("operator")]);
  await outbox.enqueue("started", "succeeded");

  await outbox.deliver();

  expect(outbox.told.map(({ title }) => title)).toEqual(["started", "succeeded"]);
  expect(await outbox.ledger.undelivered("d-1")).toMatchObject([{ key: "started", lastError: "refused", attempts: 1 }]);
  await outbox.ledger.reviveNotifications("production");
  await outbox.deliver();
  expect(await outbox.ledger.undelivered("d-1")).toEqual([]);
});

test("N3 after three days of trying it is given up, not lost", async () => {
  const outbox = outboxWith(Array.from({ length: 2_000 }, () => refusal("retry")));
  await outbox.enqueue("started");

  for (let minutes = 0; minutes <= 3 * 24 * 60 + 5; minutes++) await outbox.deliver(minute);

  const [row] = await outbox.ledger.undelivered("d-1");
  expect((row?.gaveUpAtMs ?? 0) - Date.UTC(2026, 10, 20)).toBeGreaterThan(3 * day);
});

test("N2 what the first notification gave back comes with every later one, also within one round", async () => {
  const outbox = outboxWith([{ ts: "1" }, undefined, { ts: "3" }]);
  await outbox.enqueue("started", "stage-passed");
  await outbox.deliver();
  await outbox.enqueue("succeeded", "note");

  await outbox.deliver(second);

  expect(outbox.told.map(({ earlier }) => earlier?.thread)).toEqual([null, { ts: "1" }, { ts: "1" }, { ts: "1" }]);
});

const notification = (title: string, atMs: number): Notification => ({
  kind: "started",
  atMs,
  project: "shop",
  environment: "production",
  environmentUrl: null,
  deploymentId: "d-1",
  version: "v1.2.0",
  title,
  message: "",
  backup: null,
  rollbackMinutesLeft: null,
  next: "sluice status",
});
