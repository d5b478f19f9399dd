// The gateway: everything below /auth goes to auth.
import { sendJson, serve, version } from "../../http.mjs";
import { healthFrom, upstreamHealth } from "./health.mjs";

const auth = process.env.AUTH_URL;

const statusOf = (path) =>
  fetch(`${auth}${path}`, { signal: AbortSignal.timeout(5_000) }).then(
    ({ status }) => status,
    () => undefined,
  );

serve("gateway", async (_request, response, { pathname }) => {
  if (pathname === "/health") return sendJson(response, 200, { status: "ok", version });
  if (pathname.startsWith("/auth/")) {
    const status = await statusOf(pathname);
    return sendJson(response, status ?? 502, { status, version });
  }
  const { status, body } = healthFrom(await statusOf(upstreamHealth), version);
  sendJson(response, pathname === "/api/health" ? status : 404, body);
});
