// The catalogue: what the shop sells, and the orders for it.
import { openDatabase } from "../../db.mjs";
import { readJson, refusal, sendHealth, sendJson, serve } from "../../http.mjs";

const database = openDatabase();
const columns = "id, name, description, price_cents";

async function listItems(response) {
  const items = await database.query(`SELECT ${columns} FROM items ORDER BY id`);
  sendJson(response, 200, { items: items.map(presented) });
}

async function showItem(response, id) {
  const [item] = await database.query(`SELECT ${columns} FROM items WHERE id = ?`, [id]);
  if (!item) throw refusal(404, `there is no item ${id}`);
  sendJson(response, 200, presented(item));
}

/** PUT with an id chosen by the caller: sent twice, it is still one order. */
async function placeOrder(request, response, id) {
  const { user, itemId, quantity = 1 } = await readJson(request);
  if (typeof user !== "string" || !Number.isInteger(itemId)) throw refusal(400, "an order needs a user and an itemId");
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 99) throw refusal(400, "quantity is 1 to 99");
  const [item] = await database.query("SELECT id FROM items WHERE id = ?", [itemId]);
  if (!item) throw refusal(404, `there is no item ${itemId}`);
  await database.query(
    "INSERT INTO orders (id, user_name, item_id, quantity, placed_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    [id, user, itemId, quantity, Date.now()],
  );
  sendJson(response, 201, { id, itemId, quantity });
}

function presented(item) {
  return { id: item.id, name: item.name, description: item.description, priceCents: item.price_cents };
}

serve(
  "catalogue",
  async (request, response, { pathname }) => {
    if (pathname === "/health") return sendHealth(response, "catalogue", database);
    if (request.method === "GET" && pathname === "/items") return listItems(response);
    const item = /^\/items\/(\d{1,9})$/.exec(pathname);
    if (request.method === "GET" && item) return showItem(response, Number(item[1]));
    const order = /^\/orders\/([0-9a-f-]{36})$/.exec(pathname);
    if (request.method === "PUT" && order) return placeOrder(request, response, order[1]);
    throw refusal(404, "not found");
  },
  () => database.close(),
);
