/** Between a client and a server, one that lies, breaks off or falls silent where a test tells it to. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { httpServer, type LocalServer } from "../../src/testing/local-servers.ts";

export type Fault =
  /** Answers so, in place of the server. */
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  /** Says nothing, ever. */
  | { readonly kind: "silence" }
  /** Ends the connection in the middle of what is sent, or of what is answered. */
  | { readonly kind: "cut"; readonly where: "request" | "answer" }
  /** Flips one bit in the middle. */
  | { readonly kind: "flip"; readonly where: "request" | "answer" }
  /** Passes on half of what is sent as if it were all. */
  | { readonly kind: "shorten" };

export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
}

export interface FaultyProxy extends LocalServer {
  /** Asked about every request; undefined: it is passed on as it is. */
  fault: (asked: Asked) => Fault | undefined;
  readonly asked: Asked[];
}

export async function faultyProxy(port: number): Promise<FaultyProxy> {
  const asked: Asked[] = [];
  const server = await httpServer((request, response) => {
    const one = { method: request.method ?? "", path: request.url ?? "" };
    asked.push(one);
    handle(request, response, port, proxy.fault(one)).catch(() => response.destroy());
  });
  const proxy: FaultyProxy = { ...server, asked, fault: () => undefined };
  return proxy;
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  fault: Fault | undefined,
): Promise<void> {
  const body = await bytesOf(request);
  if (fault?.kind === "silence") return;
  if (fault?.kind === "answer") {
    response.writeHead(fault.status, { "content-length": Buffer.byteLength(fault.body) }).end(fault.body);
    return;
  }
  const inRequest = fault?.kind === "shorten" || fault?.where === "request" ? fault : undefined;
  const answer = await passedOn(request, changed(body, inRequest), port, inRequest?.kind);
  const inAnswer = inRequest === undefined ? fault : undefined;
  if (answer === undefined) response.destroy();
  else reply(response, answer, await bytesOf(answer), inAnswer);
}

function reply(response: ServerResponse, answer: IncomingMessage, bytes: Buffer, fault: Fault | undefined): void {
  if (fault?.kind === "cut" && bytes.length === 0) {
    response.destroy();
    return;
  }
  response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
  if (fault?.kind === "cut") response.write(changed(bytes, fault), () => response.destroy());
  else response.end(changed(bytes, fault));
}

function changed(bytes: Buffer, fault: Fault | undefined): Buffer {
  const middle = Math.floor(bytes.length / 2);
  if (fault?.kind === "shorten" || fault?.kind === "cut") return bytes.subarray(0, middle);
  const byte = bytes[middle];
  if (fault?.kind !== "flip" || byte === undefined) return bytes;
  const flipped = Buffer.from(bytes);
  flipped[middle] = byte ^ 1;
  return flipped;
}

/** Undefined where the connection was ended before an answer. */
function passedOn(
  from: IncomingMessage,
  body: Buffer,
  port: number,
  fault: Fault["kind"] | undefined,
): Promise<IncomingMessage | undefined> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage | undefined>();
  const { expect: _, ...headers } = from.headers;
  if (fault === "shorten") headers["content-length"] = String(body.length);
  const to = httpRequest({ host: "127.0.0.1", port, method: from.method, path: from.url, headers, agent: false });
  to.once("response", resolve);
  to.once("error", () => resolve(undefined));
  if (fault === "cut") {
    to.write(body, () => to.destroy());
    to.once("close", () => resolve(undefined));
  } else to.end(body);
  return promise;
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
