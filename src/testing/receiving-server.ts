/** A server of a test's own that keeps what it got and answers as the test says. What it stands for, the test says. */
import type { IncomingHttpHeaders } from "node:http";
import { bodyOf, httpServer, type LocalServer } from "./local-servers.ts";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export async function receivingServer(
  reply: (received: Received) => Reply,
): Promise<LocalServer & { readonly received: readonly Received[] }> {
  const received: Received[] = [];
  const server = await httpServer((request, response) => {
    void bodyOf(request).then((body) => {
      const got = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      received.push(got);
      const { status = 200, headers = {}, body: answer } = reply(got);
      response.writeHead(status, headers).end(answer === undefined ? "" : JSON.stringify(answer));
    });
  });
  return { ...server, received };
}
