import type { RequestListener } from "node:http";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Secret } from "../../domain/secret.ts";
import {
  bodyOf,
  closedPort,
  httpServer,
  httpsServer,
  tcpServer,
  testCertificates,
} from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type HttpClientOptions, type HttpRequest, httpClient } from "./http-client.ts";

const clock = realClock();
const certificates = await testCertificates();

function ask(
  url: string,
  request: Partial<HttpRequest> = {},
  options: Partial<HttpClientOptions> = {},
  signal = new AbortController().signal,
) {
  return httpClient({ clock, ...options }).ask({ url: new URL(url), timeoutMs: 2000, ...request }, signal);
}

/** Answers `/` plainly; `/to?<url>` with a redirect there. Remembers what it was asked. */
async function redirecting(status = 302) {
  const seen: { path: string; method: string; headers: Record<string, unknown>; body: string }[] = [];
  const listener: RequestListener = (request, response) => {
    void bodyOf(request).then((body) => {
      const path = request.url ?? "";
      seen.push({ path, method: request.method ?? "", headers: request.headers, body });
      if (path.startsWith("/to?")) response.writeHead(status, { location: decodeURIComponent(path.slice(4)) });
      response.end("here");
    });
  };
  const server = await httpServer(listener);
  const to = (location: string): string => `${server.url}/to?${encodeURIComponent(location)}`;
  return { ...server, seen, to, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("an answer has status, headers, cookies, body and time, and asks for no compression and no kept connection", async () => {
  const requests: Record<string, unknown>[] = [];
  await using server = await httpServer((request, response) => {
    requests.push(request.headers);
    response.writeHead(201, { "x-a": "1", "set-cookie": ["a=1", "b=2"] }).end("grün");
  });

  const answer = await ask(`${server.url}/x?y=1`, { headers: { authorization: new Secret("TOKEN", "Bearer t") } });

  expect(answer).toMatchObject({
    kind: "answer",
    status: 201,
    body: "grün",
    setCookies: ["a=1", "b=2"],
    redirects: 0,
    tls: null,
  });
  expect(answer).toMatchObject({ headers: { "x-a": "1" }, tookMs: expect.any(Number) });
  expect(requests[0]).toMatchObject({ authorization: "Bearer t", "accept-encoding": "identity", connection: "close" });
});

test("a redirect is an answer unless following is asked for, and is counted then", async () => {
  await using server = await redirecting();

  expect(await ask(server.to("/"))).toMatchObject({ status: 302, body: "here", redirects: 0 });
  expect(await ask(server.to(server.to("/")), { maxRedirects: 5 })).toMatchObject({ status: 200, redirects: 2 });
});

test("more redirects than allowed are refused, at most five whatever is asked for", async () => {
  await using server = await httpServer((_, response) => void response.writeHead(302, { location: "/" }).end());

  expect(await ask(server.url, { maxRedirects: 2 })).toMatchObject({
    fault: "redirect",
    reason: "more than 2 redirects",
  });
  expect(await ask(server.url, { maxRedirects: 99 })).toMatchObject({ reason: "more than 5 redirects" });
});

test("row 11: a redirect to another host, port, scheme or to the metadata address makes no request there", async () => {
  await using trap = await redirecting();
  await using server = await redirecting();
  const targets = [
    trap.url,
    `http://localhost:${trap.port}/`,
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "//evil.example/",
    "http://[::ffff:169.254.169.254]/",
  ];

  for (const target of targets) {
    const answer = await ask(server.to(target), { maxRedirects: 5 });

    expect(answer, target).toMatchObject({ kind: "no-answer", fault: "redirect" });
  }
  expect(trap.seen).toEqual([]);
});

test("a redirect may lead to a declared host, and takes no credentials along", async () => {
  await using other = await redirecting();
  await using server = await redirecting();
  const headers = { authorization: "Bearer t", cookie: "s=1", "x-key": new Secret("KEY", "k"), "x-plain": "p" };

  const answer = await ask(
    server.to(`${other.url}/`),
    { maxRedirects: 1, headers },
    { allowedHosts: [`127.0.0.1:${other.port}`] },
  );

  expect(answer).toMatchObject({ status: 200, redirects: 1 });
  expect(Object.keys(other.seen[0]?.headers ?? {})).toContain("x-plain");
  expect(Object.keys(other.seen[0]?.headers ?? {})).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/authorization|cookie|x-key/)]),
  );
});

test("a body follows a 307 on its origin only; after a 302 the request is a GET without one", async () => {
  await using other = await redirecting();
  await using keeping = await redirecting(307);
  await using changing = await redirecting(302);
  const post = { method: "POST", body: "secret order", maxRedirects: 1 };

  await ask(keeping.to("/end"), post);
  await ask(changing.to("/end"), post);
  const refused = await ask(keeping.to(other.url), post, { allowedHosts: ["127.0.0.1"] });

  expect(keeping.seen[1]).toMatchObject({ path: "/end", method: "POST", body: "secret order" });
  expect(changing.seen[1]).toMatchObject({ path: "/end", method: "GET", body: "" });
  expect(refused).toMatchObject({ fault: "redirect" });
  expect(other.seen).toEqual([]);
});

test("row 12: an endless body ends at the cap, without filling the memory", async () => {
  const chunk = Buffer.alloc(65_536);
  await using server = await httpServer((_, response) => {
    const send = (): void =>
      void (response.destroyed || (response.write(chunk) ? setImmediate(send) : response.once("drain", send)));
    send();
  });
  const before = process.memoryUsage().rss;

  const answer = await ask(server.url);

  expect(answer).toMatchObject({ fault: "too-large", reason: "the body is larger than 1048576 bytes" });
  expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1_048_576);
});

test("row 12: a compressed body is never unpacked", async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 1_048_576));
  await using server = await httpServer(
    (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
  );

  const answer = await ask(server.url);

  expect(answer.kind === "answer" ? answer.body.length : 0).toBeLessThan(bomb.length + 1);
});

test("row 12: a body that trickles, or no answer at all, ends at the time limit", async () => {
  await using trickling = await httpServer((_, response) => {
    const timer = setInterval(() => response.write("x"), 10);
    response.once("close", () => clearInterval(timer));
  });
  await using silent = await tcpServer(() => undefined);

  for (const url of [trickling.url, `http://127.0.0.1:${silent.port}`]) {
    const answer = await ask(url, { timeoutMs: 120 });

    expect(answer).toMatchObject({ fault: "timeout", reason: "no complete answer within 120 ms" });
    expect(answer.tookMs).toBeLessThan(1500);
  }
});

test("the overall limit counts over redirects", async () => {
  await using server = await httpServer(
    (_, response) => void setTimeout(() => response.writeHead(302, { location: "/" }).end(), 60),
  );

  expect(await ask(server.url, { maxRedirects: 5, timeoutMs: 500, overallMs: 150 })).toMatchObject({
    fault: "timeout",
  });
});

test("an abort rejects with the caller's reason and ends the connection", async () => {
  const ended = Promise.withResolvers<void>();
  const abort = new AbortController();
  const reason = new Error("cancelled");
  await using server = await httpServer((request) => {
    request.socket.once("close", () => ended.resolve());
    abort.abort(reason);
  });

  await expect(ask(server.url, {}, {}, abort.signal)).rejects.toBe(reason);
  await ended.promise;
});

test("why there was no answer is said in words", async () => {
  await using hangingUp = await tcpServer((socket) => socket.destroy());
  await using babbling = await tcpServer((socket) => void socket.end("no http\r\n\r\n"));

  expect(await ask(`http://127.0.0.1:${await closedPort()}`)).toMatchObject({
    fault: "unreachable",
    reason: "connection refused (ECONNREFUSED)",
  });
  expect(await ask(`http://127.0.0.1:${hangingUp.port}`)).toMatchObject({ fault: "unreachable" });
  expect(await ask(`http://127.0.0.1:${babbling.port}`)).toMatchObject({ kind: "no-answer" });
  expect(await ask("http://name.invalid/")).toMatchObject({ kind: "no-answer", reason: expect.stringMatching(/name/) });
});

test.each([
  ["expired", "the certificate has expired (CERT_HAS_EXPIRED)"],
  ["selfSigned", "the certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)"],
  ["otherHost", "the certificate is for another host (ERR_TLS_CERT_ALTNAME_INVALID)"],
] as const)("K3 a certificate that is %s gets no request", async (kind, reason) => {
  let requests = 0;
  await using server = await httpsServer(certificates[kind], (_, response) => void response.end(String(requests++)));

  expect(await ask(server.url, {}, { ca: certificates.ca })).toMatchObject({ fault: "tls", reason });
  expect(requests).toBe(0);
});

test("K3 a private CA is trusted where it is given, and nowhere else; the answer has the certificate's facts", async () => {
  await using server = await httpsServer(certificates.valid, (_, response) => void response.end("ok"));

  expect(await ask(server.url)).toMatchObject({ fault: "tls" });
  expect(await ask(server.url, {}, { ca: certificates.ca })).toMatchObject({
    status: 200,
    tls: { verified: true, fault: null, subject: "valid", issuer: "Test CA", protocol: "TLSv1.3" },
  });
});

test("a redirect from HTTPS to HTTP is refused", async () => {
  await using plain = await redirecting();
  await using server = await httpsServer(
    certificates.valid,
    (_, response) => void response.writeHead(302, { location: `${plain.url}/` }).end(),
  );

  const answer = await ask(server.url, { maxRedirects: 1 }, { ca: certificates.ca, allowedHosts: ["127.0.0.1"] });

  expect(answer).toMatchObject({ fault: "redirect", reason: "redirected from HTTPS to HTTP" });
  expect(plain.seen).toEqual([]);
});

test("K1 a header that cannot be sent is a reason that does not show it", async () => {
  await using server = await httpServer((_, response) => void response.end());

  const answer = await ask(server.url, { headers: { authorization: new Secret("TOKEN", "T0KEN\r\nx-b: 1") } });

  expect(answer.kind).toBe("no-answer");
  expect(inspect(answer)).not.toContain("T0KEN");
});
