/**
 * The one way a check asks over HTTP. What came of it is a value, never an exception: an answer, or why there was none. Only
 * the caller's own abort rejects. Redirects are followed by hand: counted, never from HTTPS to HTTP, only to declared hosts,
 * and headers that hold a secret do not leave the origin they were meant for.
 */
import { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import { connectionFault, type Fault } from "./connection-fault.ts";
import { within } from "./deadline.ts";
import { BodyTooLarge, exchange, type Incoming, type Outgoing } from "./exchange.ts";
import { shownUrl } from "./http-url.ts";
import { mayRedirect, type Reach } from "./reach.ts";

export interface HttpRequest {
  readonly url: URL;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  readonly body?: string | Secret;
  /** For each request, from the connection to the end of the body. */
  readonly timeoutMs: number;
  /** For the whole, redirects included. Absent: as long as the requests' own limits allow. */
  readonly overallMs?: number;
  /** Default 0: a redirect is an answer like any other. At most 5. */
  readonly maxRedirects?: number;
}

export interface HttpAnswer extends Incoming {
  readonly kind: "answer";
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly redirects: number;
  readonly tookMs: number;
}

export interface HttpSilence {
  readonly kind: "no-answer";
  readonly fault: Fault;
  readonly reason: string;
  readonly tookMs: number;
}

export interface HttpClient {
  ask(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer | HttpSilence>;
}

export interface HttpClientOptions {
  readonly clock: Clock;
  /** Hosts (`name` or `name:port`) that redirects may lead to besides the asked one. */
  readonly allowedHosts?: readonly string[];
  /** Certificates (PEM) trusted instead of the public ones: a private CA. */
  readonly ca?: string | readonly string[];
  /** Default 1 MiB. */
  readonly maxBodyBytes?: number;
  readonly reach?: Reach;
}

const oneMebibyte = 1_048_576;
const mostRedirects = 5;

class RedirectRefused extends Error {
  override readonly name = "RedirectRefused";
}

export function httpClient(options: HttpClientOptions): HttpClient {
  const { clock } = options;

  const hop = (request: HttpRequest, outgoing: Outgoing, signal: AbortSignal): Promise<Incoming> =>
    within(request.timeoutMs, clock, signal, (limited) =>
      exchange(
        outgoing,
        {
          maxBodyBytes: options.maxBodyBytes ?? oneMebibyte,
          connectTimeoutMs: request.timeoutMs,
          ca: [options.ca ?? []].flat(),
          reach: options.reach ?? "anywhere",
          declaredHost: request.url.hostname,
        },
        limited,
      ),
    );

  return {
    async ask(request, signal) {
      const startedAtMs = clock.now();
      const took = (): number => clock.now() - startedAtMs;
      const work = (limited: AbortSignal) =>
        following(request, options.allowedHosts ?? [], (outgoing) => hop(request, outgoing, limited));
      try {
        const { incoming, outgoing, redirects } = await (request.overallMs === undefined
          ? work(signal)
          : within(request.overallMs, clock, signal, work));
        return { kind: "answer", ...incoming, url: outgoing.url, redirects, tookMs: took() };
      } catch (thrown) {
        signal.throwIfAborted();
        return { kind: "no-answer", ...silenceOf(thrown), tookMs: took() };
      }
    },
  };
}

interface Followed {
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly redirects: number;
}

async function following(
  request: HttpRequest,
  allowed: readonly string[],
  hop: (outgoing: Outgoing) => Promise<Incoming>,
): Promise<Followed> {
  const most = Math.min(request.maxRedirects ?? 0, mostRedirects);
  let outgoing = firstOf(request);
  for (let redirects = 0; ; redirects++) {
    const incoming = await hop(outgoing);
    const location = most === 0 ? undefined : redirectOf(incoming);
    if (location === undefined) return { incoming, outgoing, redirects };
    if (redirects === most) throw new RedirectRefused(`more than ${most} redirects`);
    outgoing = redirected(request, outgoing, incoming.status, location, allowed);
  }
}

function silenceOf(thrown: unknown): { readonly fault: Fault; readonly reason: string } {
  if (thrown instanceof BodyTooLarge) return { fault: "too-large", reason: thrown.message };
  if (thrown instanceof RedirectRefused) return { fault: "redirect", reason: thrown.message };
  return connectionFault(thrown);
}

function firstOf({ url, method = "GET", headers = {}, body }: HttpRequest): Outgoing {
  return { url, method, headers: revealed(headers), body: body === undefined ? null : textOf(body) };
}

const textOf = (value: string | Secret): string => (value instanceof Secret ? value.reveal() : value);

const revealed = (headers: Readonly<Record<string, string | Secret>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, textOf(value)]));

const redirectOf = ({ status, headers }: Incoming): string | undefined =>
  [301, 302, 303, 307, 308].includes(status) ? headers.location : undefined;

function redirected(
  request: HttpRequest,
  from: Outgoing,
  status: number,
  location: string,
  allowed: readonly string[],
): Outgoing {
  const url = redirectTarget(request.url, from.url, location, allowed);
  const headers = url.origin === request.url.origin ? from.headers : withoutSecrets(request, from.headers);
  const keeps = status === 307 || status === 308 || from.method === "HEAD";
  if (!keeps) return { url, headers, method: "GET", body: null };
  if (from.body === null || url.origin === from.url.origin) return { ...from, url, headers };
  throw new RedirectRefused(`redirected to ${shownUrl(url)}, which would get the body meant for ${from.url.origin}`);
}

function redirectTarget(declared: URL, from: URL, location: string, allowed: readonly string[]): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new RedirectRefused("redirected to what is no web address");
  }
  if (from.protocol === "https:" && url.protocol === "http:") {
    throw new RedirectRefused("redirected from HTTPS to HTTP");
  }
  if (mayRedirect(declared, url, allowed)) return url;
  throw new RedirectRefused(`redirected to ${shownUrl(url)}, which is not declared`);
}

const credentialHeaders = new Set(["authorization", "cookie", "proxy-authorization"]);

const withoutSecrets = (request: HttpRequest, headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !credentialHeaders.has(name.toLowerCase()) && !(request.headers?.[name] instanceof Secret),
    ),
  );
