// Auth: as well as its database. `../../http.mjs` and `../../db.mjs` are those of the shop (examples/shop/app).
import { openDatabase } from "../../db.mjs";
import { refusal, sendHealth, sendJson, serve, version } from "../../http.mjs";

const database = openDatabase();

serve(
  "auth",
  async (_request, response, { pathname }) => {
    if (pathname === "/health") return sendJson(response, 200, { status: "ok", version });
    if (pathname === "/auth/health") return sendHealth(response, "auth", database);
    throw refusal(404, "not found");
  },
  () => database.close(),
);
