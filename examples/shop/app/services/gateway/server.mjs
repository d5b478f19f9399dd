// The gateway: the shop's only public address. It serves the page and passes /api/… on to the services.
import { randomUUID } from "node:crypto";
import { readBody, readJson, refusal, sendJson, serve, version } from "../../http.mjs";
import { loadPages, sendPage } from "./pages.mjs";
import { ask, pass } from "./upstream.mjs";

const catalogue = setting("CATALOGUE_URL");
const auth = setting("AUTH_URL");
const pages = loadPages();

function setting(name) {
  if (!process.env[name]) throw new Error(`The setting ${name} is missing.`);
  return new URL(process.env[name]);
}

async function showHealth(response) {
  const names = ["catalogue", "auth"];
  const answers = await Promise.all([ask(catalogue, { path: "/health" }), ask(auth, { path: "/health" })].map(settled));
  const components = Object.fromEntries(answers.map((answer, index) => [names[index], answer]));
  const ok = answers.every((answer) => answer.status === "ok");
  sendJson(response, ok ? 200 : 503, { status: ok ? "ok" : "failing", version, component: "gateway", components });
}

async function settled(asked) {
  try {
    const answer = await asked;
    return JSON.parse(answer.body.toString());
  } catch (error) {
    return { status: "failing", reason: error.message };
  }
}

async function order(request, response) {
  const { itemId, quantity = 1 } = await readJson(request);
  const authorization = request.headers.authorization ?? "";
  const who = await ask(auth, { path: "/auth/status", headers: { authorization } });
  if (who.status !== 200) return pass(who, response);
  const { user } = JSON.parse(who.body.toString());
  // The id is ours, so that a repeated request does not become a second order.
  const body = Buffer.from(JSON.stringify({ user, itemId, quantity }));
  pass(await ask(catalogue, { method: "PUT", path: `/orders/${randomUUID()}`, body }), response);
}

/** Auth calls only read, so they too may be repeated after a connection that closed under us. */
async function proxyAuth(request, response, path) {
  const body = request.method === "POST" ? await readBody(request) : undefined;
  const { authorization } = request.headers;
  const headers = authorization ? { authorization } : {};
  pass(await ask(auth, { method: request.method, path, headers, body }), response);
}

serve("gateway", async (request, response, { pathname, search }) => {
  if (pathname === "/health") return sendJson(response, 200, { status: "ok", version, component: "gateway" });
  if (pathname === "/api/health") return showHealth(response);
  if (pathname === "/api/orders" && request.method === "POST") return order(request, response);
  if (pathname.startsWith("/api/auth/")) return proxyAuth(request, response, pathname.slice("/api".length));
  if (request.method !== "GET") throw refusal(405, "method not allowed");
  if (pathname === "/api/items" || pathname.startsWith("/api/items/")) {
    return pass(await ask(catalogue, { path: pathname.slice("/api".length) + search }), response);
  }
  const page = pages.get(pathname);
  if (!page) throw refusal(404, "not found");
  sendPage(request, response, page);
});
