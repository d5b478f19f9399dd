// Calls to the services behind the gateway, over kept connections. What they answer is small, so it is read whole:
// then a call whose kept connection was closed under us can be repeated, which every upstream call here permits.
import { Agent, request as open } from "node:http";
import { sendJson } from "../../http.mjs";

const agent = new Agent({ keepAlive: true, maxSockets: 128, maxFreeSockets: 64, scheduling: "lifo" });
const timeoutMs = 10_000;

/** Gives { status, headers, body }; an upstream that cannot be reached gives status 502, one that is silent 504. */
export async function ask(base, call) {
  try {
    return await once(base, call);
  } catch (error) {
    // The repeat takes a connection of its own: other kept ones may have been closed at the same time.
    if (error.reusedConnection)
      return once(base, { ...call, fresh: true }).catch((again) => unreachable(base, call, again));
    return unreachable(base, call, error);
  }
}

function once(base, { method = "GET", path, headers = {}, body, fresh = false }) {
  return new Promise((resolve, reject) => {
    const length = body ? { "content-type": "application/json", "content-length": body.length } : {};
    const request = open({
      host: base.hostname,
      port: base.port,
      path,
      method,
      headers: { ...headers, ...length },
      agent: fresh ? false : agent,
      timeout: timeoutMs,
    });
    const fail = (error) => {
      const closed = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(Object.assign(error, { reusedConnection: closed }));
    };
    request.on("timeout", () => request.destroy(Object.assign(new Error("no answer in 10 s"), { silent: true })));
    request.on("error", fail);
    request.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.end(body);
  });
}

function unreachable(base, { path }, error) {
  console.error(`gateway: ${base.host}${path}: ${error.message}`);
  const body = Buffer.from(JSON.stringify({ error: `the service behind ${path} does not answer` }));
  return { status: error.silent ? 504 : 502, headers: { "content-type": "application/json" }, body };
}

/** Passes an upstream's answer on, with the version that gave it and the mark of a fault it confessed. */
export function pass(answer, response) {
  if (response.destroyed) return;
  const { "content-type": type, "x-shop-version": upstream, "x-shop-fault": fault } = answer.headers;
  if (!type) return sendJson(response, 502, { error: "the service gave no content type" });
  response.writeHead(answer.status, {
    "content-type": type,
    "content-length": answer.body.length,
    ...(upstream ? { "x-shop-upstream-version": upstream } : {}),
    ...(fault ? { "x-shop-fault": fault } : {}),
  });
  response.end(answer.body);
}
