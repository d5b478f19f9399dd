/** One request and its answer on a connection of its own: no keep-alive, no decompression, a cap on the body. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { buildConnector, Client } from "undici";
import { checkUserAgent } from "../../domain/own-checks.ts";
import { addressFault, guardedLookup, literalAddress, type Reach, ReachRefused } from "./reach.ts";
import { type TlsFacts, tlsFacts } from "./tls-facts.ts";

export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Incoming {
  readonly status: number;
  /** Names in lower case; repeated ones joined with a comma, `set-cookie` left out. */
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string;
  readonly tls: TlsFacts | null;
}

export interface ExchangeLimits {
  readonly maxBodyBytes: number;
  readonly connectTimeoutMs: number;
  readonly ca: readonly string[];
  readonly reach: Reach;
  /** Out-of-reach addresses that the configuration names itself. */
  readonly declaredHost: string;
}

export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

export async function exchange(outgoing: Outgoing, limits: ExchangeLimits, signal: AbortSignal): Promise<Incoming> {
  refuseLiteral(outgoing.url, limits);
  const connection = connecting(limits);
  const client = new Client(outgoing.url.origin, {
    connect: connection.connect,
    pipelining: 0,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const { method, headers, body, url } = outgoing;
    const answer = await client.request({
      method: method as "GET",
      path: `${url.pathname}${url.search}`,
      headers: { "accept-encoding": "identity", "user-agent": checkUserAgent, ...headers },
      body,
      signal,
    });
    const text = await bodyText(answer.body, limits.maxBodyBytes);
    return { status: answer.statusCode, ...headersOf(answer.headers), body: text, tls: connection.tls() };
  } catch (thrown) {
    // undici wraps or replaces the reason in some phases; whose abort it was must stay visible.
    if (signal.aborted) throw signal.reason;
    throw thrown;
  } finally {
    await client.destroy();
  }
}

function refuseLiteral({ hostname }: URL, { reach, declaredHost }: ExchangeLimits): void {
  const address = literalAddress(hostname);
  const declared = reach === "anywhere" && hostname === declaredHost;
  const fault = address === undefined || declared ? undefined : addressFault(address, reach);
  if (fault) throw new ReachRefused(fault);
}

function connecting({ ca, connectTimeoutMs, reach }: ExchangeLimits) {
  let facts: TlsFacts | null = null;
  const connector = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    lookup: guardedLookup(reach),
    maxCachedSessions: 0,
    ...(ca.length > 0 ? { ca: [...ca] } : {}),
  });
  const connect: buildConnector.connector = (options, callback) =>
    connector(options, (...[error, socket]: [Error, null] | [null, Socket | TLSSocket]) => {
      if (error) return callback(error, null);
      if (socket instanceof TLSSocket) facts = tlsFacts(socket);
      return callback(null, socket as Socket);
    });
  return { connect, tls: () => facts };
}

async function bodyText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new BodyTooLarge(`the body is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function headersOf(raw: Readonly<Record<string, string | string[] | undefined>>) {
  const { "set-cookie": cookies = [], ...others } = raw;
  const headers = Object.entries(others).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]);
  return { headers: Object.fromEntries(headers) as Record<string, string>, setCookies: [cookies].flat() };
}
