import type { RequestListener } from "node:http";
import { afterAll, expect, test } from "vitest";
import { Secret } from "../../domain/secret.ts";
import { checkContract } from "../../testing/check-contract.ts";
import { bodyOf, httpServer } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type JourneyOptions, journeyCheck } from "./journey.ts";
import type { JourneyStep } from "./journey-step.ts";

const clock = realClock();
const password = new Secret("SMOKE_PASSWORD", 'pa"ss-word-1');
const bearer = "bearer-4f1d2c";

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** A small shop: sign in (cookie and token), create, read, sign out. Everything it was asked is kept. */
async function shop(createStatus = 201) {
  const asked: Asked[] = [];
  const listener: RequestListener = (request, response) => {
    void bodyOf(request).then((body) => {
      const { method = "", url: path = "", headers } = request;
      asked.push({ method, path, headers, body });
      if (path === "/login") {
        const token = { token: bearer, user: { id: 7, roles: ["a", "b"] } };
        return response
          .writeHead(200, { "set-cookie": ["session=abc123-abc; HttpOnly; Path=/", "old=1"], "x-request": "r-1" })
          .end(JSON.stringify(token));
      }
      if (path === "/items" && createStatus !== 201) {
        return response
          .writeHead(createStatus)
          .end(
            `\u001b[31mfailed for ${headers.authorization} ${headers.cookie} ${password.reveal()} ${"x".repeat(500)}`,
          );
      }
      if (path === "/items")
        return response
          .writeHead(201, { location: "/items/a%2Fb?x=1", "set-cookie": "old=; Max-Age=0" })
          .end('{"item":{"id":"a/b?c"}}');
      return response.end('{"name":"hammer"}');
    });
  };
  const server = await httpServer(listener);
  return { url: server.url, asked, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const signIn: JourneyStep = {
  name: "sign in",
  path: "/login",
  json: { name: "smoke", password, remember: true },
  expect: { status: 200, json: { "user.roles[1]": "b" } },
  save: { token: "token", userId: "user.id", request: "header:X-Request" },
};
const create: JourneyStep = {
  name: "create item",
  method: "post",
  path: "/items",
  headers: { authorization: "Bearer {{token}}" },
  json: { owner: "{{userId}}", label: "by {{ userId }}", tags: ["{{request}}"] },
  expect: { status: 201 },
  save: { item: "item.id", place: "header:location" },
};
const read: JourneyStep = {
  name: "read",
  path: "/items/{{item}}?by={{userId}}",
  expect: { status: 200, contains: "hammer" },
};
const readPlace: JourneyStep = { name: "read by address", path: "{{place}}", expect: { status: 200 } };

const journey = (baseUrl: string, steps: readonly JourneyStep[], options: Partial<JourneyOptions> = {}) =>
  journeyCheck({ name: "buy", critical: true, clock, baseUrl, steps, ...options });
const walk = (...args: Parameters<typeof journey>) => journey(...args).probe(new AbortController().signal);

const well = await shop();
const ill = await shop(500);
const silent = await httpServer(() => undefined);

checkContract("the journey", {
  passing: () => journey(well.url, [signIn, create, read]),
  failing: () => journey(ill.url, [signIn, create, read]),
  endless: () => journey(silent.url, [signIn]),
  neverShown: [password.reveal(), bearer, "abc123-abc"],
});

test("H6 values and cookies are carried from step to step; numbers stay numbers, values in paths stay values", async () => {
  await using server = await shop();

  const result = await walk(server.url, [signIn, create, read, readPlace]);

  expect(result.detail).toMatch(/^4 steps in \d+ ms$/);
  const [login, created, reading, placed] = server.asked;
  expect(JSON.parse(login?.body ?? "")).toEqual({ name: "smoke", password: password.reveal(), remember: true });
  expect(login).toMatchObject({ method: "POST", headers: { "content-type": "application/json" } });
  expect(JSON.parse(created?.body ?? "")).toEqual({ owner: 7, label: "by 7", tags: ["r-1"] });
  expect(created?.headers).toMatchObject({ authorization: `Bearer ${bearer}`, cookie: "session=abc123-abc; old=1" });
  expect(reading).toMatchObject({
    method: "GET",
    path: "/items/a%2Fb%3Fc?by=7",
    headers: { cookie: "session=abc123-abc" },
  });
  expect(placed?.path).toBe("/items/a%2Fb?x=1");
});

test("H6 a form is sent as one, and variables may be given from outside", async () => {
  await using server = await shop();
  const form = { user: "smoke-{{run}}", password };

  await walk(server.url, [{ name: "sign in", path: "/login", form, expect: { status: 200 } }], {
    variables: { run: 12 },
  });

  expect(server.asked[0]?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
  expect(Object.fromEntries(new URLSearchParams(server.asked[0]?.body))).toEqual({
    user: "smoke-12",
    password: password.reveal(),
  });
});

test("H6 a failure names the step, the status and the start of the body, and no later step runs", async () => {
  await using server = await shop(500);

  const { detail, verdict } = await walk(server.url, [signIn, create, read]);

  expect(verdict.kind).toBe("fail");
  expect(detail).toMatch(
    /^step "create item" \(2 of 3\): POST \/items answered 500, expected 201: failed for Bearer \[token\] session=\[session\]; old=1 \[SMOKE_PASSWORD\] x+…$/,
  );
  expect(detail.length).toBeLessThan(300);
  expect(server.asked).toHaveLength(2);
});

test("H6 a value that is not there to be saved fails its step, and the token beside it stays hidden", async () => {
  const { detail } = await walk(well.url, [
    { ...signIn, save: { token: "token", gone: "user.gone", list: "user.roles" } },
  ]);

  expect(detail).toMatch(
    /^step "sign in" \(1 of 1\): POST \/login answered 200, but no user\.gone to save as gone; no user\.roles to save as list: /,
  );
  expect(detail).toContain('{"token":"[token]"');
});

test("H6 an answer cannot choose whom the next step asks", async () => {
  await using trap = await shop();
  await using server = await httpServer(
    (_, response) => void response.end(JSON.stringify({ next: `${trap.url}/login` })),
  );
  const first: JourneyStep = { name: "first", path: "/", expect: { status: 200 }, save: { next: "next" } };

  const { detail } = await walk(server.url, [first, { name: "second", path: "{{next}}", expect: { status: 200 } }]);

  expect(detail).toBe(`step "second" (2 of 2): its path leads away from ${server.url}`);
  expect(trap.asked).toEqual([]);
});

test("H6 the journey's own time limit ends it in the middle of a step", async () => {
  const { detail } = await walk(silent.url, [signIn], { overallMs: 80 });

  expect(detail).toBe('step "sign in" (1 of 1): POST /login: no complete answer within 80 ms');
});

test("row 6: what is no path, no variable or no journey is refused at load", () => {
  const changed = (change: Partial<JourneyStep>) => () => journey(well.url, [{ ...signIn, ...change }]);

  expect(changed({ save: { x: "constructor.constructor(1)[" } })).toThrow("is not a JSON path");
  expect(changed({ path: "/{{token}}" })).toThrow("no earlier step saves {{token}}");
  expect(changed({ json: { a: ["{{later}}"] } })).toThrow("{{later}}");
  expect(changed({ form: {} })).toThrow("json and form");
  expect(() => journey(well.url, [])).toThrow("no steps");
  expect(() => journey("not an address", [signIn])).toThrow("http");
});

afterAll(async () => {
  for (const server of [well, ill, silent]) await server[Symbol.asyncDispose]();
});
