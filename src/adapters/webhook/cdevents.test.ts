/** The shapes below are those of the schemas of the CDEvents specification 0.5.1, written down as rules. */
import { expect, test } from "vitest";
import { z } from "zod";
import { notificationKinds } from "../../domain/notification.ts";
import { Secret } from "../../domain/secret.ts";
import { exampleNotification, hostileNotification } from "../../testing/notification-examples.ts";
import { realClock } from "../../testing/real-clock.ts";
import { receivingServer } from "../../testing/receiving-server.ts";
import { cloudEventOf } from "./cdevents.ts";
import { webhookNotifier } from "./webhook-notifier.ts";
import { webhookSignatureFault } from "./webhook-signature.ts";

const text = () => z.string().min(1);
const reference = z.strictObject({ id: text() });
const subjects = {
  "dev.cdevents.pipelinerun.started.0.3.0": z.strictObject({ pipelineName: text(), uri: z.url() }),
  "dev.cdevents.pipelinerun.finished.0.3.0": z.strictObject({
    pipelineName: text(),
    uri: z.url(),
    outcome: z.enum(["success", "failure", "cancel", "error"]),
    errors: z.string(),
  }),
  "dev.cdevents.service.deployed.0.3.0": z.strictObject({ environment: reference, artifactId: text() }),
  "dev.cdevents.service.upgraded.0.3.0": z.strictObject({ environment: reference, artifactId: text() }),
  "dev.cdevents.service.rolledback.0.3.0": z.strictObject({ environment: reference, artifactId: text() }),
  "dev.cdevents.incident.detected.0.3.0": z.strictObject({
    description: z.string(),
    environment: reference,
    service: reference,
    artifactId: text(),
  }),
};
const custom = /^dev\.cdeventsx\.[a-zA-Z0-9]+-[a-zA-Z]+\.[a-zA-Z]+\.[0-9]\.[0-9]\.[0-9]$/;
const cloudEvent = z.strictObject({
  specversion: z.literal("1.0"),
  id: text(),
  source: text(),
  type: text(),
  subject: text(),
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  data: z.strictObject({
    context: z.strictObject({
      specversion: z.literal("0.5.1"),
      id: text(),
      source: text(),
      type: text(),
      timestamp: z.iso.datetime(),
    }),
    subject: z.strictObject({ id: text(), content: z.record(z.string(), z.unknown()) }),
    customData: z.record(z.string(), z.unknown()),
    customDataContentType: z.literal("application/json"),
  }),
});

const eventOf = (notification: Parameters<typeof cloudEventOf>[0], key = "k1") =>
  cloudEvent.parse(cloudEventOf(notification, key));

test.each([...notificationKinds, "test"] as const)("N2 %s is an event of the specification", (kind) => {
  const { data, ...envelope } = eventOf({ ...exampleNotification, kind });

  const { id, source, type, timestamp } = data.context;
  expect(envelope).toMatchObject({ id, source, type, time: timestamp, subject: data.subject.id });
  const content = (subjects as Partial<Record<string, z.ZodType>>)[type];
  if (content) content.parse(data.subject.content);
  else expect(type).toMatch(custom);
});

test("N2 the version that serves afterwards is the artifact: of a rollback the one before", () => {
  const artifactOf = (kind: "succeeded" | "rolled-back", serves: string, minutes: number | null) => {
    const { type, data } = eventOf({ ...exampleNotification, kind, serves, rollbackMinutesLeft: minutes });
    return [type.split(".")[3], data.subject.content.artifactId];
  };

  expect(artifactOf("succeeded", "v1.0.0", null)).toEqual(["deployed", "pkg:generic/shop@v1.0.0"]);
  expect(artifactOf("succeeded", "v1.2.0", 60)).toEqual(["upgraded", "pkg:generic/shop@v1.2.0"]);
  expect(artifactOf("rolled-back", "v1.1.0", null)).toEqual(["rolledback", "pkg:generic/shop@v1.1.0"]);
});

test("N3 a repetition is the same event, another notification is another one", () => {
  expect(eventOf(exampleNotification).id).toBe(eventOf(exampleNotification).id);
  expect(eventOf(exampleNotification, "k2").id).not.toBe(eventOf(exampleNotification).id);
});

test("N2 hostile text is data, and no part of an address", () => {
  const { source, data } = eventOf({ ...hostileNotification, project: "a b/<c>", serves: "v1 <x>" });

  expect(source).toBe("/sluice/a%20b%2F%3Cc%3E/production");
  expect(eventOf({ ...hostileNotification, kind: "succeeded" }).data.subject.content.artifactId).toMatch(/^\S+$/);
  expect(data.customData.title).toBe(hostileNotification.title);
});

test("N2 a CDEvent is signed like every other body, and bears the type of CloudEvents", async () => {
  const secret = new Secret("HOOK", "s3cr3t");
  const clock = realClock();
  await using server = await receivingServer(() => ({ status: 202 }));

  const { signal } = new AbortController();
  await webhookNotifier({ name: "events", url: server.url, clock, secret, format: "cdevents" }).tell(
    exampleNotification,
    "k1",
    signal,
  );

  const [got] = server.received;
  expect(got?.headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
  const signature = String(got?.headers["x-sluice-signature"]);
  expect(webhookSignatureFault({ body: got?.body ?? "", signature, secret, nowMs: clock.now() })).toBeUndefined();
  expect(JSON.parse(got?.body ?? "")).toMatchSnapshot();
});
