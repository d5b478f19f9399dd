/** The gateway between a client and a catalogue of this test's own: what it finishes, repeats, and admits to. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { stopChild } from "../shared/children.ts";
import { addressOf, startService } from "./run-shop.ts";

const servers: Server[] = [];
const gateways: ChildProcess[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await stopChild(gateway, "SIGKILL", 1_000);
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function startGateway(catalogue: RequestListener) {
  const server = createServer(catalogue);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const environment = { CATALOGUE_URL: upstream, AUTH_URL: upstream, SLUICE_VERSION: "v1.0.0" };
  const gateway = startService(join(import.meta.dirname, "app"), "gateway", environment);
  gateways.push(gateway);
  return { gateway, server, address: await addressOf("gateway", gateway) };
}

const json = { "content-type": "application/json" };

test("a request under way at SIGTERM is answered, with the word to close, before the gateway ends with 0", async () => {
  let arrived: () => void = () => undefined;
  let release: () => void = () => undefined;
  const underWay = new Promise<void>((done) => (arrived = done));
  const { gateway, address } = await startGateway((_, response) => {
    release = () => response.writeHead(200, json).end("{}");
    arrived();
  });
  const exit = once(gateway, "exit");
  const answer = fetch(`${address}/api/items`);
  await underWay;

  gateway.kill("SIGTERM");
  // Refused means that the signal has been handled: it accepts no more.
  await expect
    .poll(() =>
      fetch(`${address}/health`).then(
        () => "accepted",
        () => "refused",
      ),
    )
    .toBe("refused");
  release();

  const { status, headers } = await answer;
  expect({ status, connection: headers.get("connection") }).toEqual({ status: 200, connection: "close" });
  expect((await exit)[0]).toBe(0);
});

test("a kept connection that the upstream closed under a request costs nothing: the gateway asks again", async () => {
  let requests = 0;
  const { address } = await startGateway((request, response) => {
    if (++requests === 2) request.socket.destroy();
    else response.writeHead(200, json).end("{}");
  });

  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await fetch(`${address}/api/items`)).status);

  expect(statuses).toEqual([200, 200, 200]);
  expect(requests).toBe(4);
});

test("an upstream that is away gives 502 without the release's mark; the gateway itself stays healthy", async () => {
  const { address, server } = await startGateway((_, response) => response.end());
  await new Promise((done) => server.close(done));

  const answer = await fetch(`${address}/api/items`);
  const health = await fetch(`${address}/api/health`);

  expect(answer.status).toBe(502);
  expect(answer.headers.get("x-shop-fault")).toBeNull();
  expect(answer.headers.get("x-shop-version")).toBe("v1.0.0");
  expect(health.status).toBe(503);
  expect((await fetch(`${address}/health`)).status).toBe(200);
});
