/** Upgraded connections: through, across weight changes, and to their end. */
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Endpoint } from "../../domain/traffic.ts";
import { closeServer, eventually, freePort, listen, wallClock } from "../../testing/router-world.ts";
import { drain } from "./drain.ts";
import { LiveRoute } from "./live-route.ts";

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function routeTo(endpoint: Endpoint): Promise<{ readonly route: LiveRoute; readonly port: number }> {
  const route = new LiveRoute("test/web", wallClock.now, Math.random);
  const port = await freePort();
  await route.listen({ host: "127.0.0.1", port });
  route.apply([{ revision: "v1", percent: 100, endpoints: [endpoint] }]);
  cleanUps.push(() => void route.close());
  return { route, port };
}

const counters = (route: LiveRoute) => route.revision("v1")?.meter.counters();

async function echoWebSocket(): Promise<Endpoint> {
  const server = createServer((_request, response) => void response.writeHead(426).end());
  const sockets = new Set<{ destroy(): void }>();
  server.on("upgrade", (_request, socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    socket.pipe(socket);
  });
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy();
    await closeServer(server);
  });
  return listen(server);
}

/** An upgraded connection, seen by the client. */
async function openWebSocket(port: number): Promise<{ readonly socket: Socket; received(): string }> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  socket.on("error", () => undefined);
  cleanUps.push(() => void socket.destroy());
  socket.write(
    "GET /live HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
  );
  await eventually("the handshake", () => text.includes("\r\n\r\n"));
  return { socket, received: () => text };
}

test("R4 a WebSocket passes, survives weight changes, and only a drain's timeout cuts it", async () => {
  const [first, second] = [await echoWebSocket(), await echoWebSocket()];
  const { route, port } = await routeTo(first);
  const { socket, received } = await openWebSocket(port);
  const { signal } = new AbortController();
  expect(received()).toMatch(/^HTTP\/1\.1 101 /);

  route.apply([{ revision: "v2", percent: 100, endpoints: [second] }]);
  socket.write("still here");
  await eventually("the echo", () => received().endsWith("still here"));
  expect(counters(route)).toMatchObject({ requests: 1, errors: 0, inFlight: 1 });
  const closed = await drain(route, "v1", 50, wallClock, signal);

  expect(closed).toBe(1);
  await eventually("the socket is closed", () => socket.destroyed || socket.readableEnded);
  expect(counters(route)?.inFlight).toBe(0);
});

test("a refused WebSocket handshake reaches the client as the backend said it", async () => {
  const server = createServer((_request, response) => void response.writeHead(401).end("who are you"));
  cleanUps.push(() => closeServer(server));
  const endpoint = await listen(server);
  const { port } = await routeTo(endpoint);

  const { received } = await openWebSocket(port);

  await eventually("the body", () => received().endsWith("who are you"));
  expect(received()).toMatch(/^HTTP\/1\.1 401 /);
});
