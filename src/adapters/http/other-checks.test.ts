import type { RequestListener } from "node:http";
import { afterAll, expect, test } from "vitest";
import { SluiceError } from "../../domain/errors.ts";
import type { Check } from "../../ports/check.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Database } from "../../ports/database.ts";
import { checkContract } from "../../testing/check-contract.ts";
import { httpServer, httpsServer, refusingPort, tcpServer, testCertificates } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { corsCheck } from "./cors-check.ts";
import { databaseCheck } from "./database-check.ts";
import { httpsEnforcedCheck } from "./https-enforced-check.ts";
import { responseTimeCheck } from "./response-time-check.ts";
import { tcpCheck } from "./tcp-check.ts";
import { tlsCheck } from "./tls-check.ts";

const clock = realClock();
const common = { name: "check", critical: true, clock };
const probe = (check: Check) => check.probe(new AbortController().signal);
const answering =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end();

const certificates = await testCertificates();
const { ca } = certificates;
const secure = await httpsServer(certificates.valid, answering(200));
const plain = await httpServer(answering(200));
const silent = await tcpServer(() => undefined);
const silentUrl = (scheme: string): string => `${scheme}://127.0.0.1:${silent.port}`;
const nobody = await refusingPort();

checkContract("the TLS check", {
  passing: () => tlsCheck({ ...common, url: secure.url, minDaysLeft: 20, ca }),
  failing: () => tlsCheck({ ...common, url: secure.url, minDaysLeft: 90, ca }),
  endless: () => tlsCheck({ ...common, url: silentUrl("https"), minDaysLeft: 1 }),
});

test("H5 a certificate passes with the days it has left, and fails when they are fewer than wanted", async () => {
  const check = (minDaysLeft: number) => probe(tlsCheck({ ...common, url: secure.url, minDaysLeft, ca }));

  expect((await check(29)).detail).toBe("valid, 29 days left, by Test CA, TLSv1.3");
  expect((await check(30)).verdict).toMatchObject({
    kind: "fail",
    reason: expect.stringMatching(/^the certificate expires in 29 days \(20..-..-..\), at least 30 wanted$/),
  });
});

test("H5 a certificate that has expired, is not valid yet, is untrusted or for another host fails and says which", async () => {
  const at = (offsetMs: number): Clock => ({ now: () => clock.now() + offsetMs, sleep: clock.sleep });
  const check = (url: string, changed: object = {}) =>
    probe(tlsCheck({ ...common, url, minDaysLeft: 1, ca, ...changed }));
  await using expired = await httpsServer(certificates.expired, answering(200));
  await using self = await httpsServer(certificates.selfSigned, answering(200));
  await using other = await httpsServer(certificates.otherHost, answering(200));
  const month = 31 * 86_400_000;

  expect((await check(expired.url)).detail).toBe("the certificate of expired expired on 2020-02-01");
  expect((await check(self.url)).detail).toContain("self-signed");
  expect((await check(secure.url, { ca: undefined })).detail).toContain("not trusted here");
  expect((await check(other.url)).detail).toContain("for another host");
  expect((await check(secure.url, { clock: at(month) })).detail).toContain("expired on");
  expect((await check(secure.url, { clock: at(-month) })).detail).toContain("not valid yet");
});

test("H5 a TLS check of what speaks no TLS fails, and an http:// address is refused at load", async () => {
  expect(
    (await probe(tlsCheck({ ...common, url: `https://127.0.0.1:${plain.port}`, minDaysLeft: 1 }))).verdict.kind,
  ).toBe("fail");
  expect((await probe(tlsCheck({ ...common, url: `https://127.0.0.1:${nobody}`, minDaysLeft: 1 }))).detail).toContain(
    "connection refused",
  );
  expect(
    (await probe(tlsCheck({ ...common, url: silentUrl("https"), minDaysLeft: 1, timeoutMs: 80 }))).detail,
  ).toContain("within 80 ms");
  expect(() => tlsCheck({ ...common, url: plain.url, minDaysLeft: 1 })).toThrow("https://");
});

const enforcing = await httpServer((request, response) =>
  answering(301, { location: `https://127.0.0.1${request.url}` })(request, response),
);

checkContract("the HTTPS enforcement check", {
  passing: () => httpsEnforcedCheck({ ...common, url: enforcing.url }),
  failing: () => httpsEnforcedCheck({ ...common, url: plain.url }),
  endless: () => httpsEnforcedCheck({ ...common, url: silentUrl("http") }),
});

test.each([
  [answering(200), "answered 200 over plain HTTP instead of leading to HTTPS"],
  [answering(302, { location: "/still-plain" }), "leads to /still-plain, which is not HTTPS"],
  [answering(302, { location: "https://evil.example/" }), "leads to another host: https://evil.example/"],
  [answering(302), "answered 302 over plain HTTP instead of leading to HTTPS"],
])("H5 HTTPS is not enforced by an answer that does not lead there (%#)", async (listener, reason) => {
  await using server = await httpServer(listener);

  expect((await probe(httpsEnforcedCheck({ ...common, url: server.url }))).verdict).toEqual({ kind: "fail", reason });
});

const origin = "https://app.example";
const cors = async (headers: Record<string, string>, expectAllowOrigin?: string | null) => {
  await using server = await httpServer(answering(200, headers));
  return (
    await probe(
      corsCheck({
        ...common,
        url: server.url,
        origin,
        ...(expectAllowOrigin === undefined ? {} : { expectAllowOrigin }),
      }),
    )
  ).verdict;
};

const letting = await httpServer((request, response) =>
  answering(200, { "access-control-allow-origin": request.headers.origin ?? "" })(request, response),
);

checkContract("the CORS check", {
  passing: () => corsCheck({ ...common, url: letting.url, origin }),
  failing: () => corsCheck({ ...common, url: plain.url, origin }),
  endless: () => corsCheck({ ...common, url: silentUrl("http"), origin }),
});

test("H5 the origin must be let in, and never everyone together with credentials", async () => {
  const allow = "access-control-allow-origin";

  expect(await cors({ [allow]: origin })).toEqual({ kind: "pass" });
  expect(await cors({ [allow]: "*" })).toEqual({ kind: "pass" });
  expect(await cors({ [allow]: "*" }, origin)).toEqual({ kind: "fail", reason: `allows *, expected ${origin}` });
  expect(await cors({ [allow]: "*", "access-control-allow-credentials": "true" }, "*")).toEqual({
    kind: "fail",
    reason: "allows every origin (*) together with credentials",
  });
  expect(await cors({})).toEqual({ kind: "fail", reason: `allows no origin, expected ${origin}` });
  expect(await cors({}, null)).toEqual({ kind: "pass" });
  expect(await cors({ [allow]: origin }, null)).toEqual({
    kind: "fail",
    reason: `allows ${origin}, expected no origin`,
  });
});

checkContract("the response time check", {
  passing: () => responseTimeCheck({ ...common, url: plain.url, samples: 2, maxMs: 2000 }),
  failing: () => responseTimeCheck({ ...common, url: `http://127.0.0.1:${nobody}`, samples: 2, maxMs: 2000 }),
  endless: () => responseTimeCheck({ ...common, url: silentUrl("http"), samples: 2, maxMs: 2000 }),
});

test("H5 one slow answer of many breaks the limit on the slowest, not the one on the 95th percentile", async () => {
  let requests = 0;
  await using server = await httpServer(
    (_, response) => void setTimeout(() => response.end(), requests++ % 20 === 7 ? 150 : 0),
  );
  const check = (limits: object) => probe(responseTimeCheck({ ...common, url: server.url, samples: 20, ...limits }));

  expect((await check({ maxMs: 140 })).verdict).toMatchObject({
    kind: "fail",
    reason: expect.stringContaining("the slowest may take 140 ms at most"),
  });
  expect((await check({ p95Ms: 140 })).detail).toMatch(/^20 answers, p95 \d+ ms, slowest \d{3,} ms$/);
  expect(requests).toBe(40);
});

test("H5 a quick error is no quick answer", async () => {
  await using server = await httpServer(answering(500));

  expect((await probe(responseTimeCheck({ ...common, url: server.url, samples: 3, maxMs: 1000 }))).detail).toBe(
    "answered 500, expected 200",
  );
});

checkContract("the TCP check", {
  passing: () => tcpCheck({ ...common, host: "127.0.0.1", port: silent.port }),
  failing: () => tcpCheck({ ...common, host: "127.0.0.1", port: nobody }),
});

test("H2 a port that refuses is named with the reason", async () => {
  const result = await probe(tcpCheck({ ...common, host: "127.0.0.1", port: nobody }));

  expect(result.verdict).toEqual({ kind: "fail", reason: `127.0.0.1:${nobody}: connection refused (ECONNREFUSED)` });
});

const database = (facts: Database["facts"]): Database => ({ kind: "memory", name: "shop", facts }) as Database;
const unreachable = new SluiceError({
  code: "DATABASE_UNREACHABLE",
  remedy: "retry",
  at: "db",
  message: "shop does not answer",
  hint: "sluice doctor",
});

checkContract("the database check", {
  passing: () =>
    databaseCheck(
      database(async () => ({ kind: "memory", name: "shop", serverVersion: "1", sizeBytes: 0, tables: [] })),
      { clock },
    ),
  failing: () =>
    databaseCheck(
      database(() => Promise.reject(unreachable)),
      { clock },
    ),
  endless: () =>
    databaseCheck(
      database(() => new Promise(() => undefined)),
      { clock },
    ),
});

test("H2 a database that cannot be reached fails; a question that went wrong for another reason is unknown", async () => {
  const verdict = async (thrown: Error) =>
    (
      await probe(
        databaseCheck(
          database(() => Promise.reject(thrown)),
          { clock },
        ),
      )
    ).verdict;

  expect(await verdict(unreachable)).toEqual({ kind: "fail", reason: "shop does not answer" });
  expect(await verdict(new TypeError("no such column"))).toEqual({ kind: "unknown", reason: "no such column" });
  const hanging = databaseCheck(
    database(() => new Promise(() => undefined)),
    { clock, timeoutMs: 50 },
  );
  expect((await probe(hanging)).verdict).toEqual({ kind: "fail", reason: "no complete answer within 50 ms" });
});

afterAll(async () => {
  for (const server of [secure, plain, silent, enforcing, letting]) await server[Symbol.asyncDispose]();
});
