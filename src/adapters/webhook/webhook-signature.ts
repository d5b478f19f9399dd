/**
 * `X-Sluice-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<seconds>.<body>`, with the body's bytes as they were sent.
 * The time is inside, so that a receiver can refuse what is old.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../../domain/secret.ts";

export const signatureHeader = "x-sluice-signature";

export function webhookSignature(body: string, secret: Secret, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  return `t=${seconds},v1=${macOf(body, secret, seconds).toString("hex")}`;
}

export interface ReceivedWebhook {
  readonly body: string;
  readonly signature: string;
  readonly secret: Secret;
  readonly nowMs: number;
  /** Older or newer than this is refused. Default 5 min. */
  readonly toleranceMs?: number;
}

/** For receivers, and the reference for those in other languages. Undefined where the signature holds, else why not. */
export function webhookSignatureFault(received: ReceivedWebhook): "malformed" | "too-old" | "wrong" | undefined {
  const { body, signature, secret, nowMs, toleranceMs = 300_000 } = received;
  const [, seconds, hex] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (seconds === undefined || hex === undefined) return "malformed";
  if (!timingSafeEqual(macOf(body, secret, Number(seconds)), Buffer.from(hex, "hex"))) return "wrong";
  return Math.abs(nowMs - Number(seconds) * 1000) > toleranceMs ? "too-old" : undefined;
}

const macOf = (body: string, secret: Secret, seconds: number): Buffer =>
  createHmac("sha256", secret.reveal()).update(`${seconds}.${body}`).digest();
