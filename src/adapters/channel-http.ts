/**
 * How channels that people are told by are reached over HTTP. What is not a 2xx rejects: with the remedy `retry` where the outbox
 * should try again (not before what `Retry-After` says), with `operator` where only a person can mend it. An address may be a secret
 * in itself, so no error shows one. Redirects are refused: a message goes where the configuration says or nowhere.
 */
import { Client } from "undici";
import { SluiceError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import { excerpt } from "../domain/untrusted-text.ts";
import type { Clock } from "../ports/clock.ts";
import { deadlineIn } from "../ports/deadline.ts";
import { redactor } from "./redact.ts";

export interface ChannelHttp {
  /** As errors name it: `webhook`, `Slack channel`. */
  readonly what: string;
  readonly name: string;
  readonly clock: Clock;
  /** From the connection to the end of the answer. Default 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Certificates (PEM) of a private CA. */
  readonly ca?: string | undefined;
  /** Taken out of what an answer says before an error shows it. */
  readonly secrets?: readonly Secret[];
}

export interface ChannelRequest {
  readonly url: URL;
  readonly method: "GET" | "POST" | "PATCH";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** False: only the status counts, and the connection is dropped with the body unread. */
  readonly readsBody: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const mostBytes = 4 * 1_048_576;

/** The body of a 2xx answer. */
export async function askChannel(channel: ChannelHttp, request: ChannelRequest, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const answer = await exchangeInTime(channel, request, signal);
  if (answer.status < 200 || answer.status > 299) throw refused(channel, answer);
  return answer.body;
}

/** The answer, or a rejection that says why there is none; the caller's own abort comes through as it is. */
async function exchangeInTime(channel: ChannelHttp, request: ChannelRequest, signal: AbortSignal): Promise<Answer> {
  const { clock, timeoutMs = 5000 } = channel;
  await using limit = deadlineIn(timeoutMs, clock, { signal });
  try {
    return await exchange(channel, request, limit.signal);
  } catch (thrown) {
    signal.throwIfAborted();
    const silent = `did not answer within ${timeoutMs} ms`;
    throw channelFailed(channel, limit.passed ? silent : `was not reached (${codeOf(thrown)})`, "retry");
  }
}

async function exchange({ ca }: ChannelHttp, request: ChannelRequest, signal: AbortSignal): Promise<Answer> {
  const { url, method, headers, body = null } = request;
  const client = new Client(url.origin, {
    pipelining: 0,
    allowH2: false,
    ...(ca === undefined ? {} : { connect: { ca } }),
  });
  try {
    const answer = await client.request({ method, path: `${url.pathname}${url.search}`, headers, body, signal });
    answer.body.on("error", () => undefined);
    const { statusCode: status } = answer;
    return { status, headers: answer.headers, body: request.readsBody ? await textOf(answer.body) : "" };
  } finally {
    await client.destroy();
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > mostBytes) throw Object.assign(new Error("too large"), { code: "its answer is too large" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Only a person can mend what was understood and refused; too much, too slow and too broken pass by themselves. */
function refused(channel: ChannelHttp, { status, headers, body }: Answer): SluiceError {
  const isRedirect = status >= 300 && status < 400;
  const passes = status >= 500 || [408, 420, 425, 429].includes(status);
  const said = excerpt(body, 200, redactor(channel.secrets ?? []));
  const words = `answered ${status}${said === "" ? "" : `: ${said}`}${isRedirect ? "; redirects are not followed" : ""}`;
  const retryAfterMs = retryAfterOf(headers["retry-after"], channel.clock.now());
  return channelFailed(channel, words, passes ? "retry" : "operator", retryAfterMs);
}

/** Seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterOf(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = [header].flat()[0]?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** Names the channel and what came back, never the address: it may hold a token. */
export const channelFailed = (
  { what, name }: Pick<ChannelHttp, "what" | "name">,
  happened: string,
  remedy: "retry" | "operator",
  retryAfterMs?: number,
): SluiceError =>
  new SluiceError({
    code: "NOTIFICATION_FAILED",
    remedy,
    at: `notify.${name}`,
    message: `The ${what} ${name} ${happened}.`,
    hint: `Nothing waits for it and it is not lost. Try the channel: sluice notify test --channel ${name}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

/** @param secured a token goes with it: https, or this machine. */
export function channelUrl(
  { what, name }: Pick<ChannelHttp, "what" | "name">,
  url: Secret | string,
  secured = false,
): URL {
  const text = revealed(url);
  const address = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = address?.protocol === "http:" && !(secured && !isLoopback(address.hostname));
  if (address && (address.protocol === "https:" || isPlain) && address.username === "" && address.password === "")
    return address;
  throw new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: `notify.${name}`,
    message: `The address of the ${what} ${name} is no ${secured ? "https://" : "http:// or https://"} address without credentials.`,
    hint: "Correct it (credentials go into a header), then run: sluice validate",
  });
}

export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[?::1\]?)$/.test(host);

export const revealed = (value: string | Secret): string => (value instanceof Secret ? value.reveal() : value);

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "connection failed";
}
