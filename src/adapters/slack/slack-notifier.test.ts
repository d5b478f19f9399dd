/**
 * Slack is simulated here: a server of this test's own that takes what Slack's documentation allows (blocks, characters, the token's
 * place) and refuses the rest with Slack's own words.
 */
import { expect, test } from "vitest";
import { z } from "zod";
import type { Notification } from "../../domain/notification.ts";
import { Secret } from "../../domain/secret.ts";
import { exampleNotification, hostileNotification } from "../../testing/notification-examples.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type Received, type Reply, receivingServer } from "../../testing/receiving-server.ts";
import { slackMessage } from "./slack-message.ts";
import { slackNotifier } from "./slack-notifier.ts";

const { signal } = new AbortController();
const token = new Secret("SLACK_TOKEN", "xoxb-T0KEN");

const text = (most: number) =>
  z.strictObject({ type: z.literal("mrkdwn"), text: z.string().min(1).max(most), verbatim: z.boolean() });
const block = z.union([
  z.strictObject({ type: z.literal("section"), text: text(3000) }),
  z.strictObject({ type: z.literal("section"), fields: z.array(text(2000)).min(1).max(10) }),
  z.strictObject({ type: z.literal("context"), elements: z.array(text(3000)).min(1).max(10) }),
]);
/** Slack's documented shape and limits of what we send. */
const message = z.strictObject({
  channel: z.string().min(1).optional(),
  text: z.string().min(1).max(4000),
  blocks: z.array(block).min(1).max(50),
  unfurl_links: z.boolean(),
  unfurl_media: z.boolean(),
  thread_ts: z.string().optional(),
  reply_broadcast: z.boolean().optional(),
  parse: z.literal("none").optional(),
  link_names: z.literal(false).optional(),
  metadata: z.strictObject({ event_type: z.string(), event_payload: z.record(z.string(), z.string()) }).optional(),
});

const simulatedSlack = (reply: (posted: z.infer<typeof message>, count: number) => Reply) => {
  let count = 0;
  return receivingServer(({ headers, body, path }) => {
    count++;
    const parsed = message.safeParse(JSON.parse(body));
    if (!parsed.success) return { body: { ok: false, error: `invalid_blocks ${parsed.error.message}` } };
    const isBot = path.endsWith("/chat.postMessage");
    if (isBot && headers.authorization !== "Bearer xoxb-T0KEN") return { body: { ok: false, error: "invalid_auth" } };
    return reply(parsed.data, count);
  });
};

const bot = (url: string, onCall: readonly string[] = []) =>
  slackNotifier({
    name: "team",
    way: { kind: "bot", api: `${url}/api`, token, channel: "C024BE91L" },
    onCall,
    clock: realClock(),
  });

const bodies = (received: readonly Received[]) => received.map(({ body }) => JSON.parse(body));
const of = (kind: Notification["kind"]): Notification => ({ ...exampleNotification, kind });

test("N2 as a bot the notifications of one deployment are a thread, whose end is shown in the channel too", async () => {
  await using slack = await simulatedSlack((_, count) => ({ body: { ok: true, ts: `17.${count}` } }));
  const notifier = bot(slack.url);

  const thread = (await notifier.tell(of("started"), "k1", signal, { thread: null, isOver: false })) ?? null;
  await notifier.tell(of("stage-passed"), "k2", signal, { thread, isOver: false });
  await notifier.tell(of("rolled-back"), "k3", signal, { thread, isOver: false });

  expect(thread).toEqual({ ts: "17.1" });
  const placed = bodies(slack.received).map(({ thread_ts, reply_broadcast }) => [thread_ts, reply_broadcast]);
  expect(placed).toEqual([
    [undefined, undefined],
    ["17.1", false],
    ["17.1", true],
  ]);
  expect(bodies(slack.received).map(({ metadata }) => metadata.event_payload.key)).toEqual(["k1", "k2", "k3"]);
});

test("N2 by an incoming webhook each one is a message", async () => {
  await using slack = await simulatedSlack(() => ({ body: "ok" }));
  const url = new Secret("SLACK_WEBHOOK", `${slack.url}/services/T0/B0/T0KEN`);
  const notifier = slackNotifier({ name: "team", way: { kind: "webhook", url }, onCall: [], clock: realClock() });

  await notifier.tell(exampleNotification, "k1", signal);

  expect(slack.received[0]?.path).toBe("/services/T0/B0/T0KEN");
  expect(bodies(slack.received)[0].text).toBe(
    "v1.2.0 in production: rolled-back 96 of 100 requests failed. Now serving: v1.1.0.",
  );
});

test("N2 people on call are mentioned where something went wrong, and nowhere else", async () => {
  await using slack = await simulatedSlack(() => ({ body: { ok: true, ts: "1.1" } }));

  await bot(slack.url, ["U02AB"]).tell(of("succeeded"), "k", signal);
  await bot(slack.url, ["U02AB"]).tell(of("rollback-failed"), "k", signal);

  expect(slack.received.map(({ body }) => body.includes("<@U02AB>"))).toEqual([false, true]);
});

test("N2 K1 what others wrote is text: no mention, no link, no control sequence", () => {
  const written = JSON.stringify(slackMessage(hostileNotification, []));

  expect(written).not.toMatch(/<[!@h]/);
  expect(written).toContain("&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.example|click&gt;");
  expect(written).not.toContain("\\u001b");
});

test("N2 what is too long is cut where one sees it, never inside of an escape", async () => {
  await using slack = await simulatedSlack(() => ({ body: { ok: true, ts: "1.1" } }));
  const long = "<&😀".repeat(5000);

  await bot(slack.url).tell(
    { ...exampleNotification, title: long, message: long, next: long, version: long },
    "k",
    signal,
  );

  const [posted] = bodies(slack.received);
  const sections: string[] = posted.blocks.flatMap((each: { text?: { text: string } }) => each.text?.text ?? []);
  expect(sections[1]).toMatch(/ … \(cut\)$/);
  expect(sections[1]?.replace(/&(lt|amp);/g, "")).not.toContain("&");
  expect((sections[1] ?? "").length).toBeGreaterThan(2950);
});

test.each<[string, Reply, object]>([
  ["429", { status: 429, headers: { "retry-after": "30" } }, { remedy: "retry", retryAfterMs: 30_000 }],
  ["503", { status: 503 }, { remedy: "retry" }],
  ["ratelimited", { body: { ok: false, error: "ratelimited" } }, { remedy: "retry" }],
  ["channel_not_found", { body: { ok: false, error: "channel_not_found" } }, { remedy: "operator" }],
  ["invalid_auth", { body: { ok: false, error: "invalid_auth" } }, { remedy: "operator" }],
  ["no answer of Slack's", { body: "<html>" }, { remedy: "retry" }],
])("N3 %s is tried again, or is a person's to mend", async (_, reply, failure) => {
  await using slack = await simulatedSlack(() => reply);

  const told = bot(slack.url).tell(exampleNotification, "k", signal);

  await expect(told).rejects.toMatchObject({ failure: { code: "NOTIFICATION_FAILED", ...failure } });
});

test("K1 no token goes over a line that others read, and none is in an error", async () => {
  expect(() => bot("http://slack.example")).toThrow(/no https:\/\/ address/);
  await using slack = await receivingServer(({ headers }) => ({ status: 500, body: headers.authorization }));

  await expect(bot(slack.url).tell(exampleNotification, "k", signal)).rejects.toThrow(/\[SLACK_TOKEN\]/);
});

test("N2 a rolled back deployment as Slack gets it", () => {
  expect(slackMessage(exampleNotification, ["S0614TZR7"])).toMatchSnapshot();
});
