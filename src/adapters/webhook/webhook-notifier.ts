/**
 * N2: a webhook of one's own. A 2xx answer is "taken"; anything else rejects and the outbox tries again. The address may be
 * a secret in itself, so no error shows it. Redirects are refused: a payload goes where the configuration says or nowhere.
 */
import { Client } from "undici";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { webhookPayload } from "./webhook-payload.ts";
import { signatureHeader, webhookSignature } from "./webhook-signature.ts";

export interface WebhookOptions {
  readonly name: string;
  readonly url: Secret | string;
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  /** Signs every delivery (webhook-signature.ts). */
  readonly secret?: Secret;
  /** From the connection to the status. Default 5 s. */
  readonly timeoutMs?: number;
  /** Certificates (PEM) of a private CA. */
  readonly ca?: string;
}

export function webhookNotifier(options: WebhookOptions): Notifier {
  const { name } = options;
  const url = addressOf(options);
  return {
    kind: "webhook",
    name,
    async tell(notification, idempotencyKey, signal) {
      signal.throwIfAborted();
      const body = JSON.stringify(webhookPayload(notification, idempotencyKey));
      const own = { "idempotency-key": idempotencyKey, "x-sluice-event": notification.kind };
      const headers = { ...headersOf(options, body), ...own };
      const status = await withDeadline(options, signal, (limited) =>
        post(url, headers, body, { signal: limited, ca: options.ca }),
      );
      if (status < 200 || status > 299) throw failed(name, `answered ${status}`, status);
    },
  };
}

/** The status, or a rejection that says why there is none; the caller's own abort comes through as it is. */
async function withDeadline(
  { name, clock, timeoutMs = 5000 }: WebhookOptions,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const finished = new AbortController();
  const late = new AbortController();
  const timer = clock.sleep(timeoutMs, finished.signal).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (thrown) {
    signal.throwIfAborted();
    const silent = `did not answer within ${timeoutMs} ms`;
    throw failed(name, late.signal.aborted ? silent : `was not reached (${codeOf(thrown)})`);
  } finally {
    finished.abort();
    await timer;
  }
}

interface PostLimits {
  readonly signal: AbortSignal;
  readonly ca: string | undefined;
}

/** Only the status counts: the connection is dropped with the body unread. */
async function post(
  url: URL,
  headers: Record<string, string>,
  body: string,
  { signal, ca }: PostLimits,
): Promise<number> {
  const client = new Client(url.origin, {
    pipelining: 0,
    allowH2: false,
    ...(ca === undefined ? {} : { connect: { ca } }),
  });
  try {
    const answer = await client.request({
      method: "POST",
      path: `${url.pathname}${url.search}`,
      headers,
      body,
      signal,
    });
    answer.body.on("error", () => undefined);
    return answer.statusCode;
  } finally {
    await client.destroy();
  }
}

function headersOf({ headers = {}, secret, clock }: WebhookOptions, body: string): Record<string, string> {
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), textOf(value)]);
  const signature = secret ? { [signatureHeader]: webhookSignature(body, secret, clock.now()) } : {};
  return { "content-type": "application/json", "user-agent": "sluice", ...Object.fromEntries(own), ...signature };
}

const textOf = (value: string | Secret): string => (value instanceof Secret ? value.reveal() : value);

function addressOf({ name, url }: WebhookOptions): URL {
  const text = textOf(url);
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (address && ["http:", "https:"].includes(address.protocol) && address.username === "") return address;
  throw new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: `notify.${name}`,
    message: `The address of the webhook ${name} is no http:// or https:// address without credentials.`,
    hint: "Correct it (credentials go into a header), then run: sluice validate",
  });
}

/** Names the channel and what came back, never the address: it may hold a token. A refused payload is a person's to mend. */
const failed = (name: string, what: string, status?: number): SluiceError =>
  new SluiceError({
    code: "NOTIFICATION_FAILED",
    remedy:
      status !== undefined && status >= 300 && status < 500 && status !== 429 && status !== 408 ? "operator" : "retry",
    at: `notify.${name}`,
    message: `The webhook ${name} ${what}${status !== undefined && status >= 300 && status < 400 ? "; redirects are not followed" : ""}.`,
    hint: `Nothing waits for it and it is not lost. Try the channel: sluice notify --test ${name}`,
  });

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "connection failed";
}
