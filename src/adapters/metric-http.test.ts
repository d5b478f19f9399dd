import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { Secret } from "../domain/secret.ts";
import { httpServer, refusingPort } from "../testing/local-servers.ts";
import { realClock } from "../testing/real-clock.ts";
import { type MetricAnswer, type MetricHttpOptions, metricHttp, metricUrl, skewFault, skewOf } from "./metric-http.ts";

const clock = realClock();
const never = new AbortController().signal;
const token = new Secret("TOKEN", "Bearer t0p-s3cret");

async function ask(listener: RequestListener, change: Partial<MetricHttpOptions> = {}): Promise<MetricAnswer> {
  await using server = await httpServer(listener);
  const http = metricHttp({ name: "m", clock, timeoutMs: 1000, headers: { authorization: token }, ...change });
  return await http.ask({ url: new URL(`${server.url}/metrics?q=1`) }, never);
}

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

test("O4 JSON is given with the distance of the clocks, and the key was sent", async () => {
  let sent: string | undefined;
  const answer = await ask((request, response) => {
    sent = request.headers.authorization;
    response.end('{"a":[1]}');
  });

  expect(answer).toEqual({ kind: "json", json: { a: [1] }, skewMs: 0 });
  expect(sent).toBe("Bearer t0p-s3cret");
});

test.each<[string, RequestListener, RegExp]>([
  ["a failure of the server", answering(500, "out of\n\u001b[31mmemory"), /^it answered 500: out of memory$/],
  ["a request it does not understand", answering(400, ""), /^it answered 400$/],
  ["a refused key", answering(403, "no"), /^it refused our key \(403\)$/],
  ["too many requests", answering(429, ""), /^it says that it is asked too often \(429\)$/],
  ["text", answering(200, "<html>"), /^its answer is not JSON$/],
  ["an answer beyond the limit", answering(200, `"${"x".repeat(2000)}"`), /^its answer is larger than 1000 bytes$/],
  ["silence", () => undefined, /^it did not answer within 300 ms$/],
  ["half an answer", (_, response) => void response.writeHead(200).write("{"), /^it did not answer within 300 ms$/],
  ["a cut connection", (request) => request.socket.destroy(), /^it was not reached \(UND_ERR_SOCKET\)$/],
])("O4 %s is a reason, not an exception", async (_, listener, reason) => {
  const answer = await ask(listener, { maxBodyBytes: 1000, timeoutMs: 300 });

  expect(answer).toMatchObject({ kind: "fault", reason: expect.stringMatching(reason) });
});

test("O4 a redirect is not followed, and the key goes nowhere else", async () => {
  let requests = 0;
  await using elsewhere = await httpServer((_, response) => {
    requests++;
    response.end("{}");
  });

  const answer = await ask(answering(302, "", { location: `${elsewhere.url}/login?next=t0p` }));

  expect(answer).toEqual({
    kind: "fault",
    reason: `it redirected to ${elsewhere.url}/login (302); redirects are not followed`,
  });
  expect(requests).toBe(0);
});

test("K1 what a server says is shown without the key that was sent to it", async () => {
  const answer = await ask((request, response) => {
    response.writeHead(500).end(`you sent ${request.headers.authorization}`);
  });

  expect(answer).toEqual({ kind: "fault", reason: "it answered 500: you sent [TOKEN]" });
});

test("O4 a port that nobody listens on is a reason; only an abort rejects, with its own", async () => {
  const http = metricHttp({ name: "m", clock, timeoutMs: 1000 });
  const url = new URL(`http://127.0.0.1:${await refusingPort()}/`);
  const reason = new Error("cancelled");

  expect(await http.ask({ url }, never)).toEqual({ kind: "fault", reason: "it was not reached (ECONNREFUSED)" });
  await expect(http.ask({ url }, AbortSignal.abort(reason))).rejects.toBe(reason);
});

test.each([
  ["it says the second in which it was asked", 10_400, 10_600, 10_000, 0],
  ["it is behind by less than the cut of a second", 10_400, 10_600, 9000, -401],
  ["it is behind", 10_400, 10_600, 5000, -4401],
  ["it is ahead", 10_400, 10_600, 14_000, 3400],
])("O4 the distance of two clocks is the least it can be: %s", (_, sentMs, receivedMs, theirsMs, skewMs) => {
  expect(skewOf(new Date(theirsMs).toUTCString(), sentMs, receivedMs)).toBe(skewMs);
});

test("O4 clocks apart by more than two seconds are named; without a time there is nothing to compare", () => {
  expect(skewFault(2000)).toBeUndefined();
  expect(skewFault(null)).toBeUndefined();
  expect(skewFault(2001)).toBe("its clock is 2.0 s ahead of ours (2 s is the most): intervals do not match");
  expect(skewFault(-60_000)).toMatch(/^its clock is 60\.0 s behind ours/);
  expect(skewOf("yesterday", 0, 0)).toBeNull();
});

test.each(["ftp://host/", "https://user:t0p@host/", "prometheus:9090/x y", ""])(
  "an address that cannot be meant (%s) is refused when the source is made",
  (url) => {
    expect(() => metricUrl("prom", url)).toThrow(/^((?!t0p).)*$/);
    expect(() => metricUrl("prom", url)).toThrow(/The address of the metric source prom is no http/);
  },
);
