import type { IncomingMessage, RequestListener } from "node:http";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { Notification } from "../../domain/notification.ts";
import { Secret } from "../../domain/secret.ts";
import { bodyOf, httpServer, httpsServer, refusingPort, testCertificates } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { webhookNotifier } from "./webhook-notifier.ts";
import { webhookSignature, webhookSignatureFault } from "./webhook-signature.ts";

const notification: Notification = {
  kind: "succeeded",
  atMs: Date.UTC(2026, 10, 20),
  project: "shop",
  environment: "production",
  environmentUrl: "https://shop.example",
  deploymentId: "d-1",
  version: "v1.2.0",
  title: "v1.2.0 serves",
  message: "grün",
  backup: "b-1",
  rollbackMinutesLeft: 60,
  next: "sluice status production",
};
const clock = realClock();
const { signal } = new AbortController();
const secret = new Secret("WEBHOOK_SECRET", "s3cr3t-of-the-hook");

async function receiver(status: number, headers: Record<string, string> = {}) {
  const received: { request: IncomingMessage; body: string }[] = [];
  const listener: RequestListener = (request, response) => {
    void bodyOf(request).then((body) => {
      received.push({ request, body });
      response.writeHead(status, headers).end();
    });
  };
  const server = await httpServer(listener);
  return {
    url: `${server.url}/hook/T0KEN-in-path?key=T0KEN-in-query`,
    received,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("N2 a delivery is one flat JSON object, signed over its bytes, with its key in body and header", async () => {
  await using server = await receiver(204);
  const headers = { Authorization: new Secret("HOOK_TOKEN", "Bearer abc") };

  await webhookNotifier({ name: "ops", url: server.url, headers, secret, clock }).tell(notification, "key-1", signal);

  const [{ request, body } = { request: undefined, body: "" }] = server.received;
  expect(JSON.parse(body)).toEqual({
    idempotencyKey: "key-1",
    event: "succeeded",
    at: "2026-11-20T00:00:00.000Z",
    project: "shop",
    environment: "production",
    environmentUrl: "https://shop.example",
    deploymentId: "d-1",
    version: "v1.2.0",
    title: "v1.2.0 serves",
    message: "grün",
    backup: "b-1",
    rollbackMinutesLeft: 60,
    next: "sluice status production",
  });
  expect(request?.headers).toMatchObject({
    "idempotency-key": "key-1",
    authorization: "Bearer abc",
    "x-sluice-event": "succeeded",
  });
  const signature = String(request?.headers["x-sluice-signature"]);
  expect(webhookSignatureFault({ body, signature, secret, nowMs: clock.now() })).toBeUndefined();
});

test("a signature holds for its bytes, its secret and its time only", () => {
  const nowMs = 1_800_000_000_000;
  const signature = webhookSignature("body", secret, nowMs);
  const fault = (change: object) => webhookSignatureFault({ body: "body", signature, secret, nowMs, ...change });

  expect(fault({})).toBeUndefined();
  expect(fault({ body: "body " })).toBe("wrong");
  expect(fault({ secret: new Secret("OTHER", "other") })).toBe("wrong");
  expect(fault({ signature: signature.replace("t=18", "t=17") })).toBe("wrong");
  expect(fault({ nowMs: nowMs + 301_000 })).toBe("too-old");
  expect(fault({ signature: signature.slice(0, -1) })).toBe("malformed");
  expect(fault({ signature: "" })).toBe("malformed");
});

test.each([
  [500, "retry"],
  [429, "retry"],
  [400, "operator"],
  [302, "operator"],
])("N3 a %i rejects with the status, to be tried again by the outbox (remedy %s)", async (status, remedy) => {
  await using elsewhere = await receiver(200);
  await using server = await receiver(status, { location: elsewhere.url });

  const told = webhookNotifier({ name: "ops", url: server.url, clock }).tell(notification, "k", signal);

  await expect(told).rejects.toMatchObject({
    failure: { code: "NOTIFICATION_FAILED", remedy, message: expect.stringContaining(String(status)) },
  });
  expect(elsewhere.received, "redirects are not followed").toHaveLength(0);
});

test("N3 a channel that does not answer rejects within its time, one that is down at once", async () => {
  await using silent = await httpServer(() => undefined);
  const tell = (url: string) =>
    webhookNotifier({ name: "ops", url, clock, timeoutMs: 100 }).tell(notification, "k", signal);

  await expect(tell(silent.url)).rejects.toThrow("did not answer within 100 ms");
  await expect(tell(`http://127.0.0.1:${await refusingPort()}/`)).rejects.toThrow("ECONNREFUSED");
});

test("an aborted signal rejects with its reason, before and during the delivery", async () => {
  await using silent = await httpServer(() => undefined);
  const channel = webhookNotifier({ name: "ops", url: silent.url, clock });
  const abort = new AbortController();
  const reason = new Error("shutting down");

  const telling = channel.tell(notification, "k", abort.signal);
  queueMicrotask(() => abort.abort(reason));

  await expect(telling).rejects.toBe(reason);
  await expect(channel.tell(notification, "k", abort.signal)).rejects.toBe(reason);
});

test("K1 no error shows the address, the headers or the signing secret", async () => {
  await using server = await receiver(500);
  const dead = `http://127.0.0.1:${await refusingPort()}/T0KEN-in-path`;
  const headers = { "x-key": new Secret("HOOK_KEY", "T0KEN-in-header") };

  for (const url of [server.url, dead].map((text) => new Secret("HOOK_URL", text))) {
    const thrown = await webhookNotifier({ name: "ops", url, headers, secret, clock })
      .tell(notification, "k", signal)
      .catch((error: unknown) => error);

    expect(thrown).toBeInstanceOf(Error);
    expect(inspect(thrown, { depth: 9 })).not.toMatch(/T0KEN|s3cr3t/);
  }
  expect(() => webhookNotifier({ name: "ops", url: "https://u:T0KEN@host/", clock })).toThrow(/^((?!T0KEN).)*$/);
});

test("K3 a certificate that is not trusted takes no payload; a private CA can be trusted", async () => {
  const { ca, valid } = await testCertificates();
  let requests = 0;
  await using server = await httpsServer(valid, (_, response) => {
    requests++;
    response.end();
  });

  await expect(
    webhookNotifier({ name: "ops", url: server.url, clock }).tell(notification, "k", signal),
  ).rejects.toThrow("was not reached");
  expect(requests).toBe(0);
  await webhookNotifier({ name: "ops", url: server.url, clock, ca }).tell(notification, "k", signal);
  expect(requests).toBe(1);
});
