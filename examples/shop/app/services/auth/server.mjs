// Auth: passwords in, signed tokens out. A token is checked by its signature alone, so that every running version
// accepts what any other one issued.
import { createHmac, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { openDatabase } from "../../db.mjs";
import { readJson, refusal, sendHealth, sendJson, serve } from "../../http.mjs";

const database = openDatabase();
const secret = process.env.SHOP_TOKEN_SECRET;
if (!secret) throw new Error("The setting SHOP_TOKEN_SECRET is missing.");
const tokenLifeMs = 3_600_000;
const derive = promisify(scrypt);

async function logIn(request, response) {
  const { user, password } = await readJson(request);
  if (typeof user !== "string" || typeof password !== "string") throw refusal(400, "login needs user and password");
  const [row] = await database.query("SELECT password_hash FROM users WHERE name = ?", [user]);
  if (!row || !(await matches(password, row.password_hash))) throw refusal(401, "wrong user or password");
  const payload = Buffer.from(JSON.stringify({ user, expiresAtMs: Date.now() + tokenLifeMs })).toString("base64url");
  sendJson(response, 200, { token: `${payload}.${signature(payload)}` });
}

/** Stored as `scrypt$<cost>$<salt>$<hash>`. */
async function matches(password, stored) {
  const [, cost, salt, hash] = stored.split("$");
  const derived = await derive(password, Buffer.from(salt, "hex"), 32, { N: Number(cost) });
  return timingSafeEqual(derived, Buffer.from(hash, "hex"));
}

function showStatus(request, response) {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  const user = token && userOf(token);
  if (!user) throw refusal(401, "not logged in");
  sendJson(response, 200, { user });
}

function userOf(token) {
  const [payload, given] = token.split(".");
  const expected = signature(payload);
  if (given?.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected)))
    return undefined;
  const { user, expiresAtMs } = JSON.parse(Buffer.from(payload, "base64url").toString());
  return expiresAtMs > Date.now() ? user : undefined;
}

function signature(payload) {
  return createHmac("sha256", secret).update(payload).digest("base64url");
}

serve(
  "auth",
  async (request, response, { pathname }) => {
    if (pathname === "/health" || pathname === "/auth/health") return sendHealth(response, "auth", database);
    if (request.method === "POST" && pathname === "/auth/login") return logIn(request, response);
    if (request.method === "GET" && pathname === "/auth/status") return showStatus(request, response);
    throw refusal(404, "not found");
  },
  () => database.close(),
);
