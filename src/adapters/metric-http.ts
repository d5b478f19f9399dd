/**
 * How metric sources ask over HTTP. What came of it is a value: a JSON document, or a reason. Only the caller's own abort
 * rejects. Redirects are not followed: a key goes where the configuration says or nowhere.
 */
import { Client } from "undici";
import { SluiceError } from "../domain/errors.ts";
import type { Json } from "../domain/json.ts";
import { Secret } from "../domain/secret.ts";
import { excerpt } from "../domain/untrusted-text.ts";
import type { Clock } from "../ports/clock.ts";
import { deadlineIn } from "../ports/deadline.ts";
import { redactor } from "./redact.ts";

export interface MetricHttpOptions {
  /** The source's name, for errors of the configuration. */
  readonly name: string;
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  /** From the connection to the end of the body. */
  readonly timeoutMs: number;
  /** Default 8 MiB. */
  readonly maxBodyBytes?: number;
}

export interface MetricQuestion {
  readonly url: URL;
  readonly method?: "GET" | "POST";
  readonly body?: string;
  readonly contentType?: string;
}

export type MetricAnswer =
  | { readonly kind: "json"; readonly json: Json; readonly skewMs: number | null }
  | { readonly kind: "fault"; readonly reason: string };

export interface MetricHttp {
  ask(question: MetricQuestion, signal: AbortSignal): Promise<MetricAnswer>;
}

const eightMebibytes = 8 * 1_048_576;

export function metricHttp(options: MetricHttpOptions): MetricHttp {
  const { clock, timeoutMs } = options;
  const redact = redactor(Object.values(options.headers ?? {}));
  return {
    async ask(question, signal) {
      const sentMs = clock.now();
      const answer = await withinTime(timeoutMs, clock, signal, (limited) => exchange(question, options, limited));
      if (answer.kind === "fault") return { kind: "fault", reason: excerpt(answer.reason, 300, redact) };
      const refused = statusFault(answer, redact);
      if (refused) return { kind: "fault", reason: refused };
      const json = parsed(answer.body);
      if (json === undefined) return { kind: "fault", reason: "its answer is not JSON" };
      return { kind: "json", json, skewMs: skewOf(answer.headers.date, sentMs, clock.now()) };
    },
  };
}

/** The longest that two clocks may be apart before what one of them counted in an interval is not the other's interval. */
const mostSkewMs = 2000;

/** Why a source's clock cannot be used beside ours; undefined where it can. `skewMs` is theirs minus ours. */
export function skewFault(skewMs: number | null): string | undefined {
  if (skewMs === null || Math.abs(skewMs) <= mostSkewMs) return undefined;
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  return `its clock is ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} ours (${mostSkewMs / 1000} s is the most): intervals do not match`;
}

/** The least that their clock can be apart, since a `Date` header is cut to a whole second and the way takes time. */
export function skewOf(date: string | undefined, sentMs: number, receivedMs: number): number | null {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return null;
  return Math.max(0, theirs - receivedMs) - Math.max(0, sentMs - (theirs + 999));
}

interface Incoming {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

type Exchanged = Incoming | { readonly kind: "fault"; readonly reason: string };

class TooLarge extends Error {}

async function withinTime(
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Incoming>,
): Promise<Exchanged> {
  signal.throwIfAborted();
  await using limit = deadlineIn(timeoutMs, clock, { signal });
  try {
    return await work(limit.signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (limit.passed) return { kind: "fault", reason: `it did not answer within ${timeoutMs} ms` };
    return { kind: "fault", reason: reasonOf(thrown) };
  }
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof TooLarge) return thrown.message;
  const cause = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const code =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "no connection";
  return `it was not reached (${code})`;
}

async function exchange(question: MetricQuestion, options: MetricHttpOptions, signal: AbortSignal): Promise<Incoming> {
  const { url, method = "GET", body = null, contentType } = question;
  const client = new Client(url.origin, {
    pipelining: 0,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const own = Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), textOf(value)]);
  const headers = {
    accept: "application/json",
    "accept-encoding": "identity",
    "user-agent": "sluice",
    ...(contentType === undefined ? {} : { "content-type": contentType }),
    ...Object.fromEntries(own),
  };
  try {
    const answer = await client.request({ method, path: `${url.pathname}${url.search}`, headers, body, signal });
    const text = await limitedText(answer.body, options.maxBodyBytes ?? eightMebibytes);
    const single = Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(", ")]);
    return { kind: "answer", status: answer.statusCode, headers: Object.fromEntries(single), body: text };
  } finally {
    await client.destroy();
  }
}

const textOf = (value: string | Secret): string => (value instanceof Secret ? value.reveal() : value);

async function limitedText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLarge(`its answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function statusFault({ status, headers, body }: Incoming, redact: (text: string) => string): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) {
    const to =
      headers.location === undefined ? "" : ` to ${excerpt(headers.location.replace(/[?#].*$/, ""), 100, redact)}`;
    return `it redirected${to} (${status}); redirects are not followed`;
  }
  if (status === 401 || status === 403) return `it refused our key (${status})`;
  if (status === 429) return "it says that it is asked too often (429)";
  const said = excerpt(body, 200, redact);
  return `it answered ${status}${said === "" ? "" : `: ${said}`}`;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** An address of the configuration, parsed once. Throws CONFIG_INVALID for one that is none or that holds credentials. */
export function metricUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && ["http:", "https:"].includes(url.protocol) && url.username === "" && url.password === "") return url;
  throw new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: `metrics.${name}`,
    message: `The address of the metric source ${name} is no http:// or https:// address without credentials.`,
    hint: "Correct it (credentials go into a header, as a secret), then run: sluice validate",
  });
}
