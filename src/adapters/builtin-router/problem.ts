/** The router's own answers, which no revision gave (RFC 9457). */
import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

const problemBody = (status: number, detail: string): string =>
  JSON.stringify({ type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail });

export function sendProblem(response: ServerResponse, status: number, detail: string): void {
  const body = problemBody(status, detail);
  response.writeHead(status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
}

/** The same on a bare socket, whose request asked for an upgrade. */
export function writeProblem(socket: Duplex, status: number, detail: string): void {
  const body = problemBody(status, detail);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
