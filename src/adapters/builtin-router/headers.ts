/**
 * What a proxy does to headers (RFC 9110, 7.6.1): what concerns one connection stays on it, everything else passes with
 * its order, case and repetitions. `Host` is kept; X-Forwarded-For grows by the peer, the other two are set if absent.
 */
import type { IncomingMessage } from "node:http";

const ownToOneConnection = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  // Answered by our own server, which has already said 100 Continue.
  "expect",
]);

/** Headers that a `Connection` header names are for this connection too. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const value = raw[i + 1] ?? "";
    if (raw[i]?.length !== 10 || raw[i]?.toLowerCase() !== "connection" || /^(keep-alive|close)$/i.test(value))
      continue;
    named ??= new Set();
    for (const token of value.split(",")) named.add(token.trim().toLowerCase());
  }
  return named;
}

export interface OutgoingRequest {
  /** Names and values in turn. */
  readonly headers: string[];
  /** Undefined: no body. NaN: a body of unknown length. */
  readonly bodyLength: number | undefined;
  /** X-Forwarded-For as it was sent; empty if it was not. */
  readonly forwardedFor: string;
}

/** What of a request is needed to write its forwarding headers and to send its body on. */
interface Noted {
  peers: string;
  host: string;
  hasProto: boolean;
  hasHost: boolean;
  bodyLength: number | undefined;
}

/** What is for the router alone: a header, in lower case, and a cookie. */
export interface Hidden {
  readonly header: string | undefined;
  readonly cookie: string | undefined;
}

export function requestHeaders(request: IncomingMessage, hidden?: Hidden): OutgoingRequest {
  const raw = request.rawHeaders;
  const named = namedByConnection(raw);
  const headers: string[] = [];
  const noted: Noted = { peers: "", host: "", hasProto: false, hasHost: false, bodyLength: undefined };
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const value = raw[i + 1] ?? "";
    const key = name.toLowerCase();
    note(key, value, noted);
    if (ownToOneConnection.has(key) || key === "x-forwarded-for" || named?.has(key) === true) continue;
    headers.push(name, value);
  }
  const shown = hidden === undefined ? headers : withoutHidden(headers, hidden);
  addForwarded(shown, noted, request.socket.remoteAddress ?? "unknown");
  return { headers: shown, bodyLength: noted.bodyLength, forwardedFor: noted.peers };
}

function withoutHidden(headers: readonly string[], hidden: Hidden): string[] {
  const shown: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const [name = "", value = ""] = [headers[i], headers[i + 1]];
    const key = name.toLowerCase();
    if (key === hidden.header) continue;
    const kept = key === "cookie" && hidden.cookie !== undefined ? withoutCookie(value, hidden.cookie) : value;
    // A Cookie header of which nothing is left is none.
    if (kept !== "" || value === "") shown.push(name, kept);
  }
  return shown;
}

const withoutCookie = (header: string, name: string): string =>
  header
    .split(";")
    .filter((pair) => !pair.trimStart().startsWith(`${name}=`))
    .join(";")
    .trim();

function addForwarded(headers: string[], noted: Noted, peer: string): void {
  headers.push("x-forwarded-for", noted.peers === "" ? peer : `${noted.peers}, ${peer}`);
  if (!noted.hasProto) headers.push("x-forwarded-proto", "http");
  if (!noted.hasHost && noted.host !== "") headers.push("x-forwarded-host", noted.host);
}

function note(key: string, value: string, noted: Noted): void {
  switch (key) {
    case "host":
      noted.host = value;
      break;
    case "content-length":
      noted.bodyLength = Number(value) || undefined;
      break;
    case "transfer-encoding":
      noted.bodyLength = Number.NaN;
      break;
    case "x-forwarded-for":
      noted.peers = noted.peers === "" ? value : `${noted.peers}, ${value}`;
      break;
    case "x-forwarded-proto":
      noted.hasProto = true;
      break;
    case "x-forwarded-host":
      noted.hasHost = true;
      break;
  }
}

/** A backend's raw response headers, names and values in turn, without those of its connection to us. */
export function responseHeaders(raw: readonly string[]): string[] {
  const named = namedByConnection(raw);
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const key = name.toLowerCase();
    if (!ownToOneConnection.has(key) && named?.has(key) !== true) headers.push(name, raw[i + 1] ?? "");
  }
  return headers;
}

/**
 * The path of a request in origin form, undefined if there is none: `*` and the authority form are not for backends.
 * The absolute form is legal towards an origin server and names the same resource (RFC 9112, 3.2.2).
 */
export function originPath(target: string): string | undefined {
  if (target.startsWith("/")) return target;
  const absolute = /^https?:\/\/[^/?#]+([^#]*)/i.exec(target)?.[1];
  if (absolute === undefined) return undefined;
  return absolute.startsWith("/") ? absolute : `/${absolute}`;
}
