import type { RequestListener } from "node:http";
import { afterAll, expect, test } from "vitest";
import { redactor } from "../../domain/redactor.ts";
import { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import { checkContract } from "../../testing/check-contract.ts";
import { httpServer, refusingPort } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type HealthCheckOptions, httpHealthCheck } from "./health-check.ts";

const clock = realClock();
const token = new Secret("TOKEN", "T0KEN-in-the-error-page");

const healthy =
  (version: string): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify({ version, ok: true, db: [{ ms: 3 }] }));
const broken: RequestListener = (_, response) =>
  void response.writeHead(503).end(`db down\u001b[31m\n::error::${token.reveal()}`);

const check = (url: string, options: Partial<HealthCheckOptions> = {}) =>
  httpHealthCheck({
    name: "api",
    critical: true,
    clock,
    url,
    expectStatus: 200,
    retries: 0,
    intervalMs: 1,
    overallMs: 2000,
    ...options,
  });

const probe = (url: string, options: Partial<HealthCheckOptions> = {}) =>
  check(url, options).probe(new AbortController().signal);

/** Sleeps pass at once and move the calendar; everything else is real. */
function skippingClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  const skipped = () => slept.reduce((sum, ms) => sum + ms, 0);
  return {
    slept,
    now: () => clock.now() + skipped(),
    // Limits on requests are real time, so that they do not fire at once.
    sleep: async (ms, signal) => (ms === 10_000 ? void slept.push(ms) : clock.sleep(ms, signal)),
  };
}

const well = await httpServer(healthy("v1.2.0"));
const ill = await httpServer(broken);
const silent = await httpServer(() => undefined);

checkContract("the health check", {
  passing: () => check(well.url),
  failing: () => check(ill.url, { redact: redactor([token]).text }),
  endless: () => check(silent.url),
  neverShown: [token.reveal()],
});

test("H1 the expected status and body pass, and the detail says what was seen", async () => {
  const result = await probe(well.url, {
    expectBody: { contains: '"ok":true', json: { version: "v1.2.0", "db[0].ms": 3 } },
  });

  expect(result.verdict).toEqual({ kind: "pass" });
  expect(result.detail).toMatch(/^200 in \d+ ms, version v1\.2\.0, db\[0\]\.ms 3$/);
});

test("H1 the answer of another version is a failure that names both", async () => {
  const result = await probe(well.url, { expectBody: { json: { version: "v1.3.0" } } });

  expect(result.verdict).toEqual({
    kind: "fail",
    reason: expect.stringContaining("version is v1.2.0, expected v1.3.0"),
  });
});

test("H1 each kind of unexpected answer has its reason", async () => {
  await using text = await httpServer((_, response) => void response.end("<html>"));
  await using signIn = await httpServer((_, response) => void response.writeHead(302, { location: "/login" }).end());
  const json = { version: "v1" };

  expect((await probe(ill.url)).detail).toMatch(/^answered 503, expected 200: db down : :error::/);
  expect((await probe(text.url, { expectBody: { json } })).detail).toBe("the body is not JSON: <html>");
  expect((await probe(text.url, { expectBody: { contains: "ok" } })).detail).toBe(
    'the body does not contain "ok": <html>',
  );
  expect((await probe(well.url, { expectBody: { json: { release: "v1" } } })).detail).toMatch(
    /^the body has no release, expected v1/,
  );
  expect((await probe(well.url, { expectBody: { json: { ok: "true" } } })).detail).toMatch(
    /^ok is true, expected "true"/,
  );
  expect((await probe(signIn.url)).detail).toBe("answered 302 to /login, expected 200");
});

test("H1 nobody there fails with the reason and what to try", async () => {
  const url = `http://127.0.0.1:${await refusingPort()}/healthz`;

  expect(await probe(url)).toMatchObject({
    verdict: { kind: "fail", reason: "connection refused (ECONNREFUSED)" },
    hint: `See for yourself: curl -sv '${url}'`,
  });
});

test("H1 it is tried again while it fails: five retries are six tries, ten seconds apart", async () => {
  let requests = 0;
  await using server = await httpServer((request, response) => {
    requests++;
    return requests < 6 ? broken(request, response) : healthy("v1")(request, response);
  });
  const skipping = skippingClock();
  const tried = { retries: 5, intervalMs: 10_000, overallMs: 300_000, timeoutMs: 5000, clock: skipping };

  expect((await probe(server.url, tried)).verdict.kind).toBe("pass");
  expect(skipping.slept).toEqual(Array(5).fill(10_000));
  requests = -100;
  expect((await probe(server.url, tried)).detail).toContain("(last of 6 tries)");
});

test("H1 the overall limit ends the tries, also during one", async () => {
  const between = await probe(ill.url, {
    retries: 5,
    intervalMs: 10_000,
    overallMs: 25_000,
    timeoutMs: 5000,
    clock: skippingClock(),
  });
  const during = await probe(silent.url, { retries: 5, timeoutMs: 10_001, overallMs: 100 });

  expect(between.detail).toContain("(try 3 of 6, given up at the limit of 25000 ms)");
  expect(during.detail).toMatch(/^no complete answer within 100 ms \(try 1 of 6, given up/);
});

test("H5 an answer slower than its limit fails", async () => {
  await using slow = await httpServer((_, response) => void setTimeout(() => response.end(), 40));

  expect((await probe(slow.url, { maxResponseMs: 10 })).verdict).toMatchObject({
    kind: "fail",
    reason: expect.stringMatching(/^took \d+ ms, at most 10 ms allowed$/),
  });
  expect((await probe(slow.url, { maxResponseMs: 1500 })).verdict.kind).toBe("pass");
});

test("an address or path that cannot be meant is refused at load, and credentials in it are not shown", () => {
  for (const url of ["file:///etc/passwd", "shop.example", "", "ftp://x/"])
    expect(() => check(url)).toThrow("is not an http");
  expect(() => check("http://u:T0KEN@host/")).toThrow(/credentials(?!.*T0KEN)/);
  expect(() => check("http://host/", { expectBody: { json: { "constructor('x')[": 1 } } })).toThrow(
    "is not a JSON path",
  );
});

afterAll(async () => {
  for (const server of [well, ill, silent]) await server[Symbol.asyncDispose]();
});
