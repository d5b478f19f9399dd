/**
 * What GitHub posts: believed only with its signature over the bytes as they came, compared in constant time; then read as what it
 * must be, and of the configured repository.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { SluiceError } from "../../domain/errors.ts";
import type { RuleRequest } from "../../domain/protection-rule.ts";
import type { Secret } from "../../domain/secret.ts";
import { excerpt } from "../../domain/untrusted-text.ts";

/** By GitHub's documentation (Webhook events and payloads) a larger one is not delivered. */
export const mostWebhookBytes = 25 * 1_048_576;

export interface Delivery {
  /** The bytes that were signed. */
  readonly body: Buffer;
  /** `X-Hub-Signature-256`. */
  readonly signature: string;
  /** `X-GitHub-Delivery`. */
  readonly id: string;
}

export function requireSignature({ body, signature }: Delivery, secret: Secret): void {
  if (body.length > mostWebhookBytes) throw webhookRefused(`it is larger than ${mostWebhookBytes} bytes`);
  const [, hex] = /^sha256=([0-9a-f]{64})$/.exec(signature.trim()) ?? [];
  if (hex === undefined) throw webhookRefused("its signature is not sha256= and 64 hex digits");
  const ours = createHmac("sha256", secret.reveal()).update(body).digest();
  if (!timingSafeEqual(ours, Buffer.from(hex, "hex"))) throw webhookRefused("its signature is wrong");
}

const Requested = z.object({
  action: z.literal("requested"),
  environment: z.string().min(1).max(255),
  sha: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
  deployment_callback_url: z.url().max(2_000),
  deployment: z.object({ created_at: z.iso.datetime({ offset: true }) }).nullish(),
  repository: z.object({ full_name: z.string().max(200) }),
});

/** @param about the repository and the base of the API that are configured: what is answered goes there and nowhere else. */
export function ruleRequestIn(
  { body }: Delivery,
  about: { readonly repository: string; readonly url: string },
): RuleRequest {
  const parsed = Requested.safeParse(jsonOf(body));
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw webhookRefused(`it is no deployment_protection_rule (${first?.path.join(".")}: ${first?.message})`);
  }
  const { environment, sha, deployment, repository, deployment_callback_url } = parsed.data;
  if (repository.full_name.toLowerCase() !== about.repository.toLowerCase()) {
    throw webhookRefused(`it is of ${excerpt(repository.full_name, 100)}, not of ${about.repository}`);
  }
  const askedAtMs = deployment ? Date.parse(deployment.created_at) : null;
  return { environment, commit: sha, runId: runIdIn(deployment_callback_url, about), askedAtMs };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw webhookRefused("it is no JSON");
  }
}

/** A token must not go where a message says. */
function runIdIn(callback: string, { repository, url }: { readonly repository: string; readonly url: string }): number {
  const base = `${url.replace(/\/+$/, "")}/repos/${repository}/actions/runs/`.toLowerCase();
  const rest = callback.toLowerCase().startsWith(base) ? callback.slice(base.length) : "";
  const [, run] = /^(\d{1,15})\/deployment_protection_rule$/.exec(rest) ?? [];
  if (run === undefined)
    throw webhookRefused(`its callback is not below the configured address: ${excerpt(callback, 200)}`);
  return Number(run);
}

export const webhookRefused = (why: string): SluiceError =>
  new SluiceError({
    code: "WEBHOOK_REFUSED",
    remedy: "operator",
    at: "adapters.github",
    message: `What came as GitHub's webhook was refused: ${why}.`,
    hint: "Nothing was answered. Compare GitHub's list of recent deliveries with the settings: sluice validate",
  });
