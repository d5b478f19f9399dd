/**
 * One request through the proxy. undici's `dispatch` is used directly: of the libraries at hand it alone allows a second
 * try, tells whether a connection had served before, and hands over raw headers. (httpxy forwards hop-by-hop headers,
 * replaces X-Forwarded-For, pipes the body before it knows whether it will be needed again, and leaves a client waiting
 * when a backend dies in mid-response.)
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import type { Dispatcher } from "undici";
import { type Hidden, requestHeaders, responseHeaders } from "./headers.ts";
import { sendProblem } from "./problem.ts";
import type { Revision, UnderWay, Upstream, Visit } from "./revision.ts";
import {
  type ConnectionError,
  closeQuietly,
  countEnd,
  enter,
  freshConnection,
  leave,
  nextUpstream,
} from "./revision.ts";

/** A body up to this size is read before it is sent on, so that it can be sent twice. */
const replayableBytes = 64 * 1024;

/** May be sent again when nobody knows whether they arrived (RFC 9110, 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

type Body = Buffer | PassThrough | null;

export interface Chosen extends Visit {
  readonly revision: Revision;
  readonly upstream: Upstream;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** In origin form. */
  readonly path: string;
  /** Not for the revision's eyes. */
  readonly hidden: Hidden | undefined;
  /** Called once, when the request is ready to be sent: decides who serves it. */
  choose(forwardedFor: string): Chosen | undefined;
  /** Milliseconds since the epoch, rising steadily. */
  nowMs(): number;
}

/** Serves one request. The response is complete or broken off when the revision's counters have it. */
export function serve(exchange: Exchange): void {
  const { headers, bodyLength, forwardedFor } = requestHeaders(exchange.request, exchange.hidden);
  const send = (body: Body) => {
    const chosen = exchange.choose(forwardedFor);
    if (chosen === undefined) return;
    new Attempt(exchange, chosen, headers, body).dispatch(chosen.upstream.pool);
  };
  if (bodyLength === undefined) send(null);
  else if (bodyLength <= replayableBytes) readWhole(exchange.request, send);
  else send(exchange.request.pipe(new PassThrough()));
}

/** Calls back unless the client goes away before its body is complete; then nobody was asked to serve anything. */
function readWhole(request: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
  request.on("error", () => undefined);
}

class Attempt implements Dispatcher.DispatchHandler, UnderWay {
  readonly #exchange: Exchange;
  readonly #revision: Revision;
  readonly #visit: Visit;
  readonly #headers: string[];
  readonly #body: Body;
  readonly #startedMs: number;
  #upstream: Upstream;
  #controller: Dispatcher.DispatchController | undefined;
  #written = false;
  #headSent = false;
  #bodyBegun = false;
  #retried = false;
  #ended = false;
  /** Why we ended it ourselves. */
  #given: "client left" | "drained" | undefined;

  constructor(exchange: Exchange, chosen: Chosen, headers: string[], body: Body) {
    this.#exchange = exchange;
    this.#revision = chosen.revision;
    this.#visit = chosen;
    this.#upstream = chosen.upstream;
    this.#headers = headers;
    this.#body = body;
    this.#startedMs = exchange.nowMs();
    enter(chosen.revision, this);
    exchange.response.on("close", () => this.#stop("client left"));
  }

  dispatch(connections: Dispatcher): void {
    const { request, path } = this.#exchange;
    connections.dispatch({ path, method: request.method ?? "GET", headers: this.#headers, body: this.#body }, this);
  }

  cut(): void {
    this.#stop("drained");
  }

  #stop(why: "client left" | "drained"): void {
    if (this.#ended) return;
    this.#given ??= why;
    this.#controller?.abort(new Error(why));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#written = true;
    if (this.#given !== undefined) controller.abort(new Error(this.#given));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, text?: string): void {
    // Interim responses (103) are hints for caches; the final one follows.
    if (status < 200) return;
    this.#headSent = true;
    const raw = (controller.rawHeaders as Buffer[]).map((part) => part.toString("latin1"));
    const { response } = this.#exchange;
    const headers = responseHeaders(raw);
    if (this.#visit.setCookie !== undefined) headers.push("set-cookie", this.#visit.setCookie);
    response.writeHead(status, text, headers);
    // Usually the body came in the same packet and goes out in one write; a head without a body must not wait for one.
    process.nextTick(flushHead, this);
  }

  flushHead(): void {
    if (!this.#bodyBegun && !this.#ended) this.#exchange.response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bodyBegun = true;
    const { response } = this.#exchange;
    if (response.write(chunk)) return;
    controller.pause();
    response.once("drain", () => controller.resume());
  }

  onResponseEnd(): void {
    const { request, response } = this.#exchange;
    this.#end(response.statusCode >= 500);
    response.end();
    // Answered before it had read all: the rest must not block the client's next request.
    if (!request.complete) request.unpipe().resume();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#given === undefined && this.#mayRetry(error)) this.#retry();
    else if (this.#given === "client left") this.#end(false);
    else this.#fail(error);
  }

  #fail(error: Error): void {
    const { request, response } = this.#exchange;
    // undici refuses what no server should be sent; that is the client's fault.
    const malformed = codeOf(error) === "UND_ERR_INVALID_ARG" && !this.#written;
    this.#end(!malformed);
    // What is left of the request body is read away, else the client could not read our answer.
    request.unpipe().resume();
    if (this.#headSent) response.destroy();
    else sendProblem(response, malformed ? 400 : statusOf(error, this.#given), this.#explain(error));
  }

  /** Before anything was written any request may be sent elsewhere; afterwards only a repeatable one that met a stale connection. */
  #mayRetry(error: ConnectionError & { socket?: { bytesRead?: number } }): boolean {
    if (this.#retried || this.#headSent || codeOf(error) === "UND_ERR_INVALID_ARG") return false;
    if (!this.#written) return !(this.#body instanceof PassThrough && this.#body.destroyed);
    // A reset on a connection that never served is the revision's fault, not the idle keep-alive race: it shall show.
    const servedBefore = (error.bytesRead ?? error.socket?.bytesRead ?? 0) > 0;
    const closed = ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(codeOf(error));
    const repeatable = idempotent.has(this.#exchange.request.method ?? "") && !(this.#body instanceof PassThrough);
    return servedBefore && closed && repeatable;
  }

  #retry(): void {
    this.#retried = true;
    this.#written = false;
    this.#revision.retries += 1;
    this.#upstream = nextUpstream(this.#revision) ?? this.#upstream;
    const connection = freshConnection(this.#upstream.endpoint);
    this.dispatch(connection);
    closeQuietly(connection);
  }

  #explain(error: Error): string {
    if (this.#given === "drained") return `${this.#revision.id} was drained before it answered.`;
    const { host, port } = this.#upstream.endpoint;
    return `${this.#revision.id} at ${host}:${port} gave no response (${codeOf(error)}).`;
  }

  #end(failed: boolean): void {
    this.#ended = true;
    const nowMs = this.#exchange.nowMs();
    countEnd(this.#revision, this.#visit, { startedMs: this.#startedMs, nowMs }, failed);
    leave(this.#revision, this);
  }
}

const flushHead = (attempt: Attempt): void => attempt.flushHead();

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.name;

function statusOf(error: Error, given: string | undefined): number {
  return given === "drained" || codeOf(error) === "UND_ERR_HEADERS_TIMEOUT" ? 504 : 502;
}
