/**
 * An upgraded connection (WebSocket): the handshake goes to a revision chosen by weight, then bytes flow both ways until
 * one side ends. Weight changes do not touch it; only a drain's timeout cuts it.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type Hidden, requestHeaders, responseHeaders } from "./headers.ts";
import { writeProblem } from "./problem.ts";
import type { Revision, UnderWay, Upstream, Visit } from "./revision.ts";
import { countEnd, enter, leave, nextUpstream, responseHeadTimeoutMs } from "./revision.ts";

export interface Upgrade extends Visit {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes the client sent after its handshake already. */
  readonly head: Buffer;
  readonly path: string;
  readonly hidden: Hidden | undefined;
  readonly revision: Revision;
  readonly upstream: Upstream;
  nowMs(): number;
}

interface Tunnel extends UnderWay {
  backend: ClientRequest | Duplex | undefined;
  answered: boolean;
  ended: boolean;
}

/** Serves one upgrade request to its end. */
export function serveUpgrade(upgrade: Upgrade): void {
  const { revision, socket } = upgrade;
  const tunnel: Tunnel = {
    backend: undefined,
    answered: false,
    ended: false,
    cut: () => finish(),
  };
  const finish = () => {
    if (tunnel.ended) return;
    tunnel.ended = true;
    // A client that left before an answer is counted, but not as the revision's error.
    if (!tunnel.answered) answered(upgrade, tunnel, startedMs, false);
    leave(revision, tunnel);
    tunnel.backend?.destroy();
    socket.destroy();
  };
  const startedMs = upgrade.nowMs();
  enter(revision, tunnel);
  socket.on("error", finish).on("close", finish);
  handshake(upgrade, tunnel, startedMs, upgrade.upstream, true);
}

function answered(upgrade: Upgrade, tunnel: Tunnel, startedMs: number, failed: boolean): void {
  tunnel.answered = true;
  const nowMs = upgrade.nowMs();
  countEnd(upgrade.revision, upgrade, { startedMs, nowMs }, failed);
}

function handshake(upgrade: Upgrade, tunnel: Tunnel, startedMs: number, to: Upstream, mayRetry: boolean): void {
  const { request, revision, socket } = upgrade;
  const { headers } = requestHeaders(request, upgrade.hidden);
  headers.push("connection", "upgrade", "upgrade", request.headers.upgrade ?? "websocket");
  const backend = httpRequest({
    host: to.endpoint.host,
    port: to.endpoint.port,
    method: "GET",
    path: upgrade.path,
    headers,
    agent: false,
    timeout: responseHeadTimeoutMs,
  });
  tunnel.backend = backend;
  backend.on("timeout", () => backend.destroy(new Error("no response")));
  backend.on("error", (error: NodeJS.ErrnoException) => {
    if (tunnel.ended || tunnel.answered) return;
    const refused = error.syscall === "connect";
    if (refused && mayRetry) {
      revision.retries += 1;
      return handshake(upgrade, tunnel, startedMs, nextUpstream(revision) ?? to, false);
    }
    answered(upgrade, tunnel, startedMs, true);
    writeProblem(socket, 502, `${revision.id} gave no response (${error.code ?? error.message}).`);
  });
  backend.on("response", (response) => {
    answered(upgrade, tunnel, startedMs, (response.statusCode ?? 500) >= 500);
    socket.write(statusAndHeaders(response, ["connection", "close", ...cookieFor(upgrade)]));
    response.on("error", () => socket.destroy()).pipe(socket);
  });
  backend.on("upgrade", (response, backendSocket, backendHead) => {
    answered(upgrade, tunnel, startedMs, false);
    tunnel.backend = backendSocket;
    connect(upgrade, response, backendSocket, backendHead);
  });
  backend.end();
}

function connect(upgrade: Upgrade, response: IncomingMessage, backend: Duplex & SocketTuning, head: Buffer): void {
  const { socket } = upgrade;
  backend.setTimeout?.(0);
  backend.setNoDelay?.(true);
  backend.on("error", () => socket.destroy()).on("close", () => socket.destroy());
  socket.write(
    statusAndHeaders(response, [
      ...["connection", "upgrade", "upgrade", response.headers.upgrade ?? "websocket"],
      ...cookieFor(upgrade),
    ]),
  );
  if (head.length > 0) socket.write(head);
  if (upgrade.head.length > 0) backend.write(upgrade.head);
  backend.pipe(socket);
  socket.pipe(backend);
}

const cookieFor = ({ setCookie }: Visit): readonly string[] =>
  setCookie === undefined ? [] : ["set-cookie", setCookie];

interface SocketTuning {
  setTimeout?(ms: number): unknown;
  setNoDelay?(on: boolean): unknown;
}

function statusAndHeaders(response: IncomingMessage, own: readonly string[]): string {
  const headers = [...responseHeaders(response.rawHeaders), ...own];
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
