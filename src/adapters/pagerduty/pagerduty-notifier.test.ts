/** PagerDuty is simulated here: a server of this test's own with the shape, the limits and the alerts of its documentation. */
import { expect, test } from "vitest";
import { z } from "zod";
import type { Notification } from "../../domain/notification.ts";
import { Secret } from "../../domain/secret.ts";
import { exampleNotification, hostileNotification } from "../../testing/notification-examples.ts";
import { realClock } from "../../testing/real-clock.ts";
import { receivingServer } from "../../testing/receiving-server.ts";
import { pagerDutyNotifier } from "./pagerduty-notifier.ts";

const { signal } = new AbortController();
const routingKey = new Secret("PAGERDUTY_KEY", "R".repeat(32));

const common = { routing_key: z.string().length(32), dedup_key: z.string().min(1).max(255) };
/** Events API v2, "Send an Alert Event". */
const event = z.discriminatedUnion("event_action", [
  z.strictObject({ ...common, event_action: z.literal("resolve") }),
  z.strictObject({
    ...common,
    event_action: z.literal("trigger"),
    client: z.string().optional(),
    payload: z.strictObject({
      summary: z.string().min(1).max(1024),
      source: z.string().min(1),
      severity: z.enum(["critical", "error", "warning", "info"]),
      timestamp: z.iso.datetime(),
      group: z.string().optional(),
      class: z.string().optional(),
      custom_details: z.record(z.string(), z.unknown()).optional(),
    }),
    links: z.array(z.strictObject({ href: z.url(), text: z.string() })).optional(),
  }),
]);

async function simulatedPagerDuty() {
  const open = new Map<string, string>();
  const all: string[] = [];
  const server = await receivingServer(({ path, body }) => {
    const parsed = event.safeParse(JSON.parse(body));
    if (path !== "/v2/enqueue" || !parsed.success) return { status: 400, body: { status: "invalid event" } };
    const { data } = parsed;
    all.push(`${data.event_action} ${data.dedup_key}`);
    if (data.event_action === "resolve") open.delete(data.dedup_key);
    else open.set(data.dedup_key, data.payload.severity);
    return { status: 202, body: { status: "success", dedup_key: data.dedup_key } };
  });
  return { ...server, open, all };
}

const service = (url: string) => pagerDutyNotifier({ name: "pager", api: url, routingKey, clock: realClock() });
const of = (kind: Notification["kind"]): Notification => ({ ...exampleNotification, kind });

test("N2 the first bad news opens an alert, more of it is added, and the next success resolves it", async () => {
  await using pager = await simulatedPagerDuty();
  const notifier = service(pager.url);

  await notifier.tell(of("rollback-triggered"), "k1", signal);
  await notifier.tell(of("rollback-failed"), "k2", signal);
  await notifier.tell(of("rollback-failed"), "k2", signal);
  expect([...pager.open]).toEqual([["sluice/shop/production/deployment", "critical"]]);
  await notifier.tell(of("succeeded"), "k3", signal);

  expect([...pager.open]).toEqual([]);
});

test("N2 a failed backup is an alert of its own, which no deployment resolves", async () => {
  await using pager = await simulatedPagerDuty();
  const notifier = service(pager.url);

  await notifier.tell(of("backup-failed"), "k1", signal);
  await notifier.tell(of("succeeded"), "k2", signal);

  expect([...pager.open.keys()]).toEqual(["sluice/shop/production/backup"]);
});

test("N3 news that comes so late that a later deployment succeeded leaves nothing open", async () => {
  await using pager = await simulatedPagerDuty();
  const notifier = service(pager.url);
  const late = { thread: null, isOver: true };

  await notifier.tell(of("rolled-back"), "k1", signal, late);
  await notifier.tell(of("backup-failed"), "k2", signal, late);

  expect(pager.all).toHaveLength(3);
  expect([...pager.open.keys()]).toEqual(["sluice/shop/production/backup"]);
});

test("N2 a test is filed and closed; what means nothing there is not sent", async () => {
  await using pager = await simulatedPagerDuty();

  await service(pager.url).tell(of("test"), "k1", signal);
  await service(pager.url).tell(of("started"), "k2", signal);

  expect(pager.all.map((each) => each.split(" ")[0])).toEqual(["trigger", "resolve"]);
});

test("N2 hostile and endless texts stay inside of the limits", async () => {
  await using pager = await simulatedPagerDuty();
  const long = "x".repeat(20_000);

  await service(pager.url).tell({ ...hostileNotification, message: long, next: long }, "k", signal);

  const summary: string = JSON.parse(pager.received[0]?.body ?? "").payload.summary;
  expect(summary).toMatch(/…$/);
  expect([...summary].filter((character) => character < " ")).toEqual([]);
});

test.each([
  [429, "retry"],
  [500, "retry"],
  [400, "operator"],
])("N3 a %i is worth another try, or not (%s)", async (status, remedy) => {
  await using pager = await receivingServer(() => ({ status }));

  await expect(service(pager.url).tell(exampleNotification, "k", signal)).rejects.toMatchObject({
    failure: { remedy },
  });
});

test("N2 a rolled back deployment as PagerDuty gets it", async () => {
  await using pager = await simulatedPagerDuty();

  await service(pager.url).tell(exampleNotification, "d-1/rolled-back", signal);

  expect(JSON.parse(pager.received[0]?.body ?? "")).toMatchSnapshot();
});
