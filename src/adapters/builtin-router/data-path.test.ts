/** What the proxy does to requests, with real sockets and backends that misbehave on purpose. */
import { Agent, createServer, request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Endpoint } from "../../domain/traffic.ts";
import { ask, closeServer, eventually, freePort, listen, wallClock } from "../../testing/router-world.ts";
import { LiveRoute } from "./live-route.ts";

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function backend(listener: RequestListener): Promise<Endpoint> {
  const server = createServer(listener);
  cleanUps.push(() => closeServer(server));
  return listen(server);
}

/** A server that speaks bytes. */
async function rawBackend(serve: (socket: Socket) => void): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  return { host: "127.0.0.1", port };
}

async function routeTo(...endpoints: Endpoint[]): Promise<{ readonly route: LiveRoute; readonly port: number }> {
  const route = new LiveRoute("test/web", wallClock.now, Math.random);
  const port = await freePort();
  await route.listen({ host: "127.0.0.1", port });
  if (endpoints.length > 0) route.apply([{ revision: "v1", percent: 100, endpoints }]);
  cleanUps.push(() => void route.close());
  return { route, port };
}

const counters = (route: LiveRoute) => route.revision("v1")?.meter.counters();

interface Sent {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

function send(
  port: number,
  options: {
    method?: string;
    headers?: Record<string, string | string[]>;
    body?: string;
    path?: string;
    agent?: Agent;
  } = {},
): Promise<Sent> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, agent: false, ...rest }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

test("a proxy's headers: hop-by-hop ones stay, Host is kept, X-Forwarded-For grows", async () => {
  const endpoint = await backend((request, response) => {
    response.setHeader("connection", "x-internal");
    response.setHeader("x-internal", "hidden");
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.end(JSON.stringify(request.headers));
  });
  const { port } = await routeTo(endpoint);

  const { headers, body } = await send(port, {
    headers: {
      host: "shop.example",
      connection: "x-secret-hop",
      "x-secret-hop": "1",
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-proto": "https",
      te: "trailers",
    },
  });

  const seen = JSON.parse(body) as Record<string, string>;
  expect(seen).toMatchObject({
    host: "shop.example",
    "x-forwarded-for": "203.0.113.9, 127.0.0.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
  });
  expect(Object.keys(seen)).not.toContain("x-secret-hop");
  expect(Object.keys(seen)).not.toContain("te");
  expect(headers["x-internal"]).toBeUndefined();
  expect(headers["set-cookie"]).toEqual(["a=1", "b=2"]);
});

test("bodies pass both ways, small, large and of unknown length", async () => {
  const { port } = await routeTo(await backend((request, response) => void request.pipe(response)));
  const large = "0123456789".repeat(200_000);

  expect((await send(port, { method: "POST", body: "small" })).body).toBe("small");
  expect((await send(port, { method: "POST", body: large })).body.length).toBe(large.length);
  expect((await send(port, { method: "PUT", body: large, headers: { "transfer-encoding": "chunked" } })).body).toBe(
    large,
  );
});

test("an event stream's head and events arrive as they are sent", async () => {
  let release = () => {};
  const endpoint = await backend((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    release = () => response.end("data: 1\n\n");
  });
  const { port } = await routeTo(endpoint);
  const request = httpRequest({ host: "127.0.0.1", port, agent: false }).end();

  const response = await new Promise<IncomingMessage>((resolve) => request.on("response", resolve));
  expect(response.headers["content-type"]).toBe("text/event-stream");
  release();

  let events = "";
  for await (const chunk of response) events += String(chunk);
  expect(events).toBe("data: 1\n\n");
});

test("R4 the idle keep-alive race loses no request: a stale connection is replaced", async () => {
  let connections = 0;
  const endpoint = await rawBackend((socket) => {
    connections += 1;
    let served = 0;
    socket.on("data", () => {
      served += 1;
      // Closes exactly when the second request of the connection has arrived.
      if (served > 1) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
  });
  const { route, port } = await routeTo(endpoint);
  const agent = new Agent({ keepAlive: true });

  const statuses: number[] = [];
  for (let i = 0; i < 20; i++) statuses.push((await ask(`http://127.0.0.1:${port}`, "/", agent)).status);
  agent.destroy();

  expect(statuses).toEqual(Array(20).fill(200));
  expect(counters(route)).toMatchObject({ requests: 20, errors: 0 });
  expect(route.revision("v1")?.retries).toBeGreaterThan(0);
  expect(connections).toBeGreaterThan(1);
});

test("a request that is not idempotent is never sent twice", async () => {
  let posts = 0;
  const endpoint = await rawBackend((socket) => {
    let served = 0;
    socket.on("data", (bytes) => {
      served += 1;
      if (bytes.toString().startsWith("POST")) posts += 1;
      if (served > 1) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
  });
  const { route, port } = await routeTo(endpoint);
  await send(port);

  const { status } = await send(port, { method: "POST", body: "pay" });

  expect({ status, posts }).toEqual({ status: 502, posts: 1 });
  expect(counters(route)).toMatchObject({ requests: 2, errors: 1 });
});

test("a revision that resets fresh connections is not covered up by retries", async () => {
  const endpoint = await rawBackend((socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  const { route, port } = await routeTo(endpoint);

  expect((await send(port)).status).toBe(502);
  expect(counters(route)).toMatchObject({ requests: 1, errors: 1 });
  expect(route.revision("v1")?.retries).toBe(0);
});

test("a refused connection is tried at the revision's other endpoint, with its body", async () => {
  const dead = { host: "127.0.0.1", port: await freePort() };
  const { route, port } = await routeTo(dead, await backend((request, response) => void request.pipe(response)));

  const bodies: string[] = [];
  for (let i = 0; i < 4; i++) bodies.push((await send(port, { method: "POST", body: `order ${i}` })).body);

  expect(bodies).toEqual(["order 0", "order 1", "order 2", "order 3"]);
  expect(counters(route)).toMatchObject({ requests: 4, errors: 0, inFlight: 0 });
});

test("O4 nobody there is a 502 and the revision's error; a 500 passes through and is one too", async () => {
  const dead = await routeTo({ host: "127.0.0.1", port: await freePort() });
  const failing = await routeTo(await backend((_request, response) => void response.writeHead(503).end("busy")));

  const [none, busy] = [await send(dead.port), await send(failing.port)];

  expect(none).toMatchObject({ status: 502 });
  expect(none.body).toContain("v1 at 127.0.0.1");
  expect(busy).toMatchObject({ status: 503, body: "busy" });
  expect(counters(dead.route)).toMatchObject({ requests: 1, errors: 1 });
  expect(counters(failing.route)).toMatchObject({ requests: 1, errors: 1 });
});

test("a route without a revision answers 503 and names itself", async () => {
  const { port } = await routeTo();

  const { status, headers, body } = await send(port);

  expect(status).toBe(503);
  expect(headers["content-type"]).toBe("application/problem+json");
  expect(JSON.parse(body)).toMatchObject({ detail: "Route test/web: no revision serves." });
});

test("a backend that dies in mid-response breaks the client's response off instead of leaving it waiting", async () => {
  const endpoint = await rawBackend((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", () => socket.destroy());
    });
  });
  const { route, port } = await routeTo(endpoint);

  await expect(send(port)).rejects.toThrow();
  expect(counters(route)).toMatchObject({ requests: 1, errors: 1, inFlight: 0 });
});

test("a client that leaves is counted, but not as the revision's error", async () => {
  let arrived = false;
  const endpoint = await backend(() => {
    arrived = true;
  });
  const { route, port } = await routeTo(endpoint);
  const request = httpRequest({ host: "127.0.0.1", port, agent: false }).end();
  request.on("error", () => undefined);
  await eventually("the request arrives", () => arrived);

  request.destroy();

  await eventually("nothing is under way", () => counters(route)?.inFlight === 0);
  expect(counters(route)).toMatchObject({ requests: 1, errors: 0 });
});
