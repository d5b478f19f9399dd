/** The control socket as a stranger uses it: who may, in which shape, and who can reach it at all. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Attempt } from "../../domain/attempt.ts";
import { freePort, wallClock } from "../../testing/router-world.ts";
import { type BuiltinRouter, builtinRouter, ensureBuiltinRouter, stopBuiltinRouter } from "./adapter.ts";

const forever = new AbortController().signal;
const attempt = (n: number, ledgerId = "ledger-a"): Attempt => ({ ledgerId, n, deploymentId: `deployment-${n}` });

const folder = await mkdtemp(join(tmpdir(), "sluice-router-"));
const { socket } = await ensureBuiltinRouter({ stateFolder: folder, nodePath: process.execPath, clock: wallClock });
const port = await freePort();
afterAll(async () => {
  await stopBuiltinRouter(folder, wallClock, "the suite is over", 0);
  await rm(folder, { recursive: true });
});

/** The route, owned by attempt 5 of ledger-a. */
async function claimed(): Promise<BuiltinRouter> {
  const router = builtinRouter({ stateFolder: folder, route: "test/web", host: "127.0.0.1", port, clock: wallClock });
  await router.claim(attempt(5), forever);
  return router;
}

function post(socketPath: string, path: string, body: string): Promise<{ status: number; answer: unknown }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method: "POST", agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, answer: JSON.parse(text) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

test("L2 the process itself enforces the fence, whoever asks", async () => {
  await claimed();
  const shift = { route: "test/web", split: [] };

  const stale = await post(socket, "/shift", JSON.stringify({ ...shift, attempt: attempt(4) }));
  const foreign = await post(socket, "/shift", JSON.stringify({ ...shift, attempt: attempt(9, "ledger-b") }));
  const unsigned = await post(socket, "/shift", JSON.stringify(shift));
  const unreasoned = await post(socket, "/shift", JSON.stringify({ ...shift, force: true }));

  expect(stale).toMatchObject({ status: 409, answer: { error: { code: "STALE_ATTEMPT" } } });
  expect(foreign).toMatchObject({ status: 409, answer: { error: { code: "LEDGER_FOREIGN" } } });
  expect(JSON.stringify(foreign.answer)).toContain("ledger-a");
  expect(unsigned).toMatchObject({ status: 400, answer: { error: { code: "USAGE" } } });
  expect(unreasoned).toMatchObject({ status: 400, answer: { error: { code: "USAGE" } } });
});

test("commands are checked strictly: shape, percents, size", async () => {
  const router = await claimed();
  const share = { revision: "stable", percent: 60, endpoints: [{ host: "127.0.0.1", port: 1 }] };
  const order = { route: "test/web", attempt: attempt(5) };
  const refused = async (path: string, body: string) => (await post(socket, path, body)).status;

  expect(await refused("/shift", JSON.stringify({ ...order, split: [share] }))).toBe(400);
  expect(await refused("/shift", JSON.stringify({ ...order, split: [{ ...share, percent: 100, extra: 1 }] }))).toBe(
    400,
  );
  expect(await refused("/shift", "{")).toBe(400);
  expect(await refused("/explode", "{}")).toBe(400);
  expect(await refused("/observe", `"${"x".repeat(1024 * 1024)}"`)).toBe(400);
  expect(await router.observe(forever)).toEqual([]);
});

test("the control socket is for its user alone", async () => {
  expect((await stat(join(socket, ".."))).mode & 0o777).toBe(0o700);
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
});

test("a state folder too deep for a socket path still gets its socket", async () => {
  const root = await mkdtemp(join(tmpdir(), "sluice-router-"));
  const stateFolder = join(root, "deep".repeat(30));
  try {
    const deep = await ensureBuiltinRouter({ stateFolder, nodePath: process.execPath, clock: wallClock });

    expect(Buffer.byteLength(deep.socket)).toBeLessThanOrEqual(107);
    expect((await stat(join(deep.socket, ".."))).mode & 0o777).toBe(0o700);
  } finally {
    await stopBuiltinRouter(stateFolder, wallClock);
    await rm(root, { recursive: true });
  }
});
