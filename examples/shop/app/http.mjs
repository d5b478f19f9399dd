// What every service shares: a server that names its version in each answer, turns errors into a logged 500, and on
// SIGTERM finishes what it has begun, tells clients to go elsewhere, and ends within five seconds.
import { createServer } from "node:http";

export const version = process.env.SLUICE_VERSION || "dev";

/** Starts `handle(request, response, url)` on PORT. `close` runs after the last answer. */
export function serve(component, handle, close = async () => {}) {
  const open = new Set();
  let stopping = false;

  const server = createServer((request, response) => {
    response.setHeader("x-shop-version", version);
    if (stopping) response.setHeader("connection", "close");
    open.add(response);
    response.on("close", () => open.delete(response));
    void answer(request, response);
  });

  async function answer(request, response) {
    try {
      await handle(request, response, new URL(request.url, "http://shop"));
    } catch (error) {
      if (error.status) return sendJson(response, error.status, { error: error.message });
      console.error(`${component} ${version}: ${request.method} ${request.url} failed: ${error.stack}`);
      sendJson(response, 500, { error: "internal error" });
    }
  }

  function stop() {
    if (stopping) return;
    stopping = true;
    for (const response of open) if (!response.headersSent) response.setHeader("connection", "close");
    setTimeout(() => process.exit(0), 4_500).unref();
    server.close(async () => {
      await close().catch((error) => console.error(`${component}: closing failed: ${error.message}`));
      process.exit(0);
    });
  }

  // Longer than any proxy keeps an idle connection, so that the proxy closes first and no request meets a closed one.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 66_000;
  server.on("error", (error) => {
    console.error(`${component} ${version}: ${error.message}`);
    process.exit(1);
  });
  server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
    console.log(`${component} ${version} listening on http://127.0.0.1:${server.address().port}`);
  });
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

export function sendJson(response, status, body, headers = {}) {
  if (response.headersSent || response.destroyed) return;
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json", "content-length": text.length, ...headers });
  response.end(text);
}

/** The request's body, at most 64 KiB. */
export async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > 65_536) throw refusal(413, "the body is longer than 64 KiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function readJson(request) {
  const text = (await readBody(request)).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    throw refusal(400, "the body is not JSON");
  }
}

/** An error that is the client's fault: answered with its status, not logged. */
export function refusal(status, message) {
  return Object.assign(new Error(message), { status });
}

/** The health answer of a service that is as well as its database. */
export async function sendHealth(response, component, database) {
  const facts = { version, component };
  try {
    await database.query("SELECT 1");
    sendJson(response, 200, { status: "ok", ...facts });
  } catch (error) {
    console.error(`${component} ${version}: the database does not answer: ${error.message}`);
    sendJson(response, 503, { status: "failing", ...facts, reason: "the database does not answer" });
  }
}
