/**
 * N2: a webhook of one's own. A 2xx answer is "taken"; anything else rejects and the outbox tries again. The body is one flat object,
 * or a CDEvent in a CloudEvent.
 */
import type { Notification } from "../../domain/notification.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { askChannel, channelUrl, revealed } from "../channel-http.ts";
import { cloudEventOf } from "./cdevents.ts";
import { webhookPayload } from "./webhook-payload.ts";
import { signatureHeader, webhookSignature } from "./webhook-signature.ts";

export interface WebhookOptions {
  readonly name: string;
  readonly url: Secret | string;
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  /** Signs every delivery (webhook-signature.ts). */
  readonly secret?: Secret;
  /** Default `sluice`. */
  readonly format?: "sluice" | "cdevents";
  /** From the connection to the status. Default 5 s. */
  readonly timeoutMs?: number;
  /** Certificates (PEM) of a private CA. */
  readonly ca?: string;
}

export function webhookNotifier(options: WebhookOptions): Notifier {
  const channel = { ...options, what: "webhook" };
  const url = channelUrl(channel, options.url);
  return {
    kind: "webhook",
    name: options.name,
    async tell(notification, idempotencyKey, signal) {
      const { contentType, body } = contentOf(options, notification, idempotencyKey);
      const own = { "idempotency-key": idempotencyKey, "x-sluice-event": notification.kind };
      const headers = { ...headersOf(options, contentType, body), ...own };
      await askChannel(channel, { url, method: "POST", headers, body, readsBody: false }, signal);
    },
  };
}

function contentOf({ format = "sluice" }: WebhookOptions, notification: Notification, key: string) {
  if (format === "sluice")
    return { contentType: "application/json", body: JSON.stringify(webhookPayload(notification, key)) };
  const contentType = "application/cloudevents+json; charset=utf-8";
  return { contentType, body: JSON.stringify(cloudEventOf(notification, key)) };
}

function headersOf({ headers = {}, secret, clock }: WebhookOptions, contentType: string, body: string) {
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), revealed(value)]);
  const signature = secret ? { [signatureHeader]: webhookSignature(body, secret, clock.now()) } : {};
  return { "content-type": contentType, "user-agent": "sluice", ...Object.fromEntries(own), ...signature };
}
