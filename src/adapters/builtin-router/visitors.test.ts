/** Users who keep a version and testers who choose one, with real sockets. */
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { afterEach, expect, test } from "vitest";
import { checkUserAgent } from "../../domain/own-checks.ts";
import type { Endpoint, Split } from "../../domain/traffic.ts";
import { closeServer, freePort, listen, wallClock } from "../../testing/router-world.ts";
import { closedBuckets } from "./closed-buckets.ts";
import { drain } from "./drain.ts";
import { LiveRoute } from "./live-route.ts";
import { type Routing, sha256Of } from "./routing.ts";

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Says who it is and what it was sent. */
async function backend(version: string): Promise<Endpoint> {
  const server = createServer((request, response) => {
    response.setHeader("x-version", version);
    response.setHeader("set-cookie", "own=1");
    response.end(JSON.stringify(request.headers));
  });
  server.on("upgrade", (_request, socket) => {
    socket.on("error", () => undefined);
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-version: ${version}\r\n\r\n`,
    );
  });
  cleanUps.push(() => closeServer(server));
  return listen(server);
}

interface Place {
  readonly route: LiveRoute;
  readonly port: number;
  splitAt(percent: number): Split;
}

async function serving(percent: number, routing: Partial<Routing>): Promise<Place> {
  const route = new LiveRoute("test/web", wallClock.now, Math.random);
  const [stable, candidate] = [await backend("stable"), await backend("candidate")];
  const splitAt = (percent: number): Split => [
    { revision: "v1~1", percent: 100 - percent, endpoints: [stable] },
    { revision: "v2~2", percent, endpoints: [candidate] },
  ];
  route.route({ sticky: null, testers: null, ...routing });
  const port = await freePort();
  await route.listen({ host: "127.0.0.1", port });
  route.apply(splitAt(percent));
  route.means("v1~1");
  cleanUps.push(() => void route.close());
  return { route, port, splitAt };
}

interface Got {
  readonly version: string;
  readonly headers: IncomingHttpHeaders;
  /** What the version was sent. */
  readonly seen: IncomingHttpHeaders;
  readonly cookie: string;
}

function get(port: number, headers: Record<string, string> = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, agent: false, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => {
        const given = response.headers["set-cookie"]?.find((line) => line.startsWith("visitor="));
        const cookie = given?.split(";")[0] ?? "";
        const version = String(response.headers["x-version"]);
        resolve({ version, headers: response.headers, seen: text === "" ? {} : JSON.parse(text), cookie });
      });
    });
    request.on("error", reject);
    request.on("upgrade", ({ headers: answer }, socket) => {
      socket.destroy();
      const cookie = answer["set-cookie"]?.[0]?.split(";")[0] ?? "";
      resolve({ version: String(answer["x-version"]), headers: answer, seen: {}, cookie });
    });
    request.end();
  });
}

const byCookie = { kind: "cookie", name: "visitor", secure: false, forward: false } as const;
const counted = (place: Place, revision: string) => place.route.revision(revision)?.meter.counters().requests;

test("R1 who has no cookie gets one, and keeps the version while the weights stay", async () => {
  const place = await serving(50, { sticky: byCookie });
  const versions = new Set<string>();

  for (let user = 0; user < 20; user++) {
    const first = await get(place.port);
    versions.add(first.version);
    expect(first.headers["set-cookie"]).toEqual([
      "own=1",
      expect.stringMatching(/^visitor=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);

    for (let visit = 0; visit < 3; visit++) {
      const again = await get(place.port, { cookie: `theme=dark; ${first.cookie}` });
      expect(again.version).toBe(first.version);
      expect(again.headers["set-cookie"], "not given twice").toEqual(["own=1"]);
    }
  }

  expect(versions).toEqual(new Set(["stable", "candidate"]));
});

test("R1 over a whole rollout and back every user changes its version at most once each way", async () => {
  const place = await serving(0, { sticky: byCookie });
  const users = Array.from({ length: 60 }, (_, n) => `visitor=user-${n}`);
  const versionsAt = async (percent: number) => {
    place.route.apply(place.splitAt(percent));
    return Promise.all(users.map(async (cookie) => (await get(place.port, { cookie })).version));
  };

  let before = await versionsAt(0);
  expect(new Set(before)).toEqual(new Set(["stable"]));
  for (const percent of [5, 25, 50, 95]) {
    const after = await versionsAt(percent);
    for (const [user, version] of after.entries()) if (before[user] === "candidate") expect(version).toBe("candidate");
    before = after;
  }
  expect(new Set(before), "at 95 % a control stays on stable").toEqual(new Set(["stable", "candidate"]));

  expect(new Set(await versionsAt(0)), "rolled back").toEqual(new Set(["stable"]));
});

test("the router's cookie is not forwarded unless it is configured so; the others are", async () => {
  const hidden = await serving(0, { sticky: byCookie });
  const shown = await serving(0, { sticky: { ...byCookie, forward: true, secure: true } });
  const cookie = "a=1; visitor=anna; b=2";

  expect((await get(hidden.port, { cookie })).seen.cookie).toBe("a=1; b=2");
  expect((await get(hidden.port, { cookie: "visitor=anna" })).seen.cookie).toBeUndefined();
  expect((await get(shown.port, { cookie })).seen.cookie).toBe(cookie);
  expect((await get(shown.port)).headers["set-cookie"]?.[1]).toMatch(/; Secure$/);
});

test("R1 by a header users keep their version, and without it every request goes by the weights", async () => {
  const place = await serving(50, { sticky: { kind: "header", name: "x-user-id" } });
  const visits = async (headers: Record<string, string>) =>
    Promise.all(Array.from({ length: 30 }, async () => (await get(place.port, headers)).version));

  for (const user of ["anna", "ben", "cleo", "dan"]) {
    const versions = await visits({ "x-user-id": user });
    expect(new Set(versions).size, user).toBe(1);
  }
  expect(new Set(await visits({}))).toEqual(new Set(["stable", "candidate"]));
  expect((await get(place.port, { "x-user-id": "anna" })).headers["set-cookie"]).toEqual(["own=1"]);
});

test("O4 one busy user makes no version look as if it swallowed requests", async () => {
  const place = await serving(50, { sticky: byCookie });
  for (let visit = 0; visit < 12; visit++) await get(place.port, { cookie: "visitor=busy" });
  const deadlineMs = wallClock.now() + 5000;
  const fromIndex = Math.floor(place.route.sinceMs / 250);
  const toIndex = Math.floor(wallClock.now() / 250) + 1;
  while (wallClock.now() < toIndex * 250 && wallClock.now() < deadlineMs) await wallClock.sleep(10);

  const { buckets } = closedBuckets(place.route, { bucketMs: 250, fromIndex, toIndex }, wallClock.now());

  const totals = new Map<string, [number, number]>();
  for (const { revisions } of buckets) {
    for (const [id, { requests, expectedRequests }] of Object.entries(revisions)) {
      const [served, due] = totals.get(id) ?? [0, 0];
      totals.set(id, [served + requests, due + expectedRequests]);
    }
  }
  expect([...totals.values()]).toEqual([[12, 12]]);
});

test("R1 a WebSocket keeps its user's version, and its handshake gives the cookie", async () => {
  const place = await serving(50, { sticky: byCookie });
  const upgrade = { connection: "Upgrade", upgrade: "websocket" };

  for (let user = 0; user < 8; user++) {
    const first = await get(place.port, upgrade);
    expect(first.cookie).toMatch(/^visitor=./);
    expect((await get(place.port, { ...upgrade, cookie: first.cookie })).version).toBe(first.version);
    expect((await get(place.port, { cookie: first.cookie })).version).toBe(first.version);
  }
});

test("a tester reaches a candidate without weight; the header stays here, and the request counts apart", async () => {
  const place = await serving(0, { testers: { header: "x-sluice-version", tokenSha256: null } });

  const [dark, other, nobody] = [
    await get(place.port, { "x-sluice-version": "candidate" }),
    await get(place.port, { "x-sluice-version": "stable" }),
    await get(place.port),
  ];

  expect([dark.version, other.version, nobody.version]).toEqual(["candidate", "stable", "stable"]);
  expect(dark.seen).not.toHaveProperty("x-sluice-version");
  expect(counted(place, "v2~2"), "no verdict is drawn from testers").toBe(0);
  expect(counted(place, "v1~1")).toBe(1);
  expect(place.route.revision("v2~2")?.testers).toEqual({ requests: 1, errors: 0 });
  expect(place.route.revision("v2~2")?.meter.counters().inFlight).toBe(0);
});

test("O2 Sluice's own checks follow the weights and count for no version: a canary that nobody else visits has had no requests", async () => {
  const place = await serving(50, {});

  const versions = [];
  for (let asked = 0; asked < 20; asked++)
    versions.push((await get(place.port, { "user-agent": checkUserAgent })).version);
  await get(place.port);

  expect(new Set(versions)).toEqual(new Set(["candidate", "stable"]));
  const users = (counted(place, "v1~1") ?? 0) + (counted(place, "v2~2") ?? 0);
  expect(users, "the one that was no check").toBe(1);
  expect(place.route.revision("v2~2")?.testers).toEqual({ requests: 0, errors: 0 });
  expect(place.route.revision("v2~2")?.meter.counters().inFlight).toBe(0);
});

test("a tester's word without the token is no word, and neither version nor counts show it", async () => {
  const place = await serving(0, {
    testers: { header: "x-sluice-version", tokenSha256: sha256Of("sesame") },
  });

  const [wrong, none, right] = [
    await get(place.port, { "x-sluice-version": "candidate wrong" }),
    await get(place.port, { "x-sluice-version": "candidate" }),
    await get(place.port, { "x-sluice-version": "candidate sesame" }),
  ];

  expect([wrong.version, none.version, right.version]).toEqual(["stable", "stable", "candidate"]);
  expect(wrong.seen).not.toHaveProperty("x-sluice-version");
  expect(counted(place, "v1~1"), "by the weights like everybody, and counted").toBe(2);
});

test("a tester never reaches a version that is not in the split", async () => {
  const place = await serving(50, { testers: { header: "x-sluice-version", tokenSha256: null } });
  place.route.apply(place.splitAt(0).slice(0, 1));
  place.route.means(null);

  for (const wish of ["candidate", "v2", "v2~2", "v3"]) {
    expect((await get(place.port, { "x-sluice-version": wish })).version, wish).toBe("stable");
  }
  expect(counted(place, "v2~2")).toBe(0);
});

test("R4 a drain waits for testers too", async () => {
  const place = await serving(0, { testers: { header: "x-sluice-version", tokenSha256: null } });
  let arrived = () => {};
  const arrives = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const slow = createServer(() => arrived());
  cleanUps.push(() => closeServer(slow));
  place.route.apply([
    ...place.splitAt(0).slice(0, 1),
    { revision: "v2~2", percent: 0, endpoints: [await listen(slow)] },
  ]);
  place.route.means("v1~1");
  const visit = get(place.port, { "x-sluice-version": "candidate" });
  await arrives;

  expect(await drain(place.route, "v2~2", 30, wallClock, new AbortController().signal)).toBe(1);
  expect((await visit).headers["content-type"]).toBe("application/problem+json");
  expect(place.route.revision("v2~2")?.testers).toEqual({ requests: 1, errors: 1 });
});
