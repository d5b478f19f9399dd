/**
 * The shop's releases, in the order in which the demo deploys them. The good ones build on each other; each bad one
 * is based on the last good one and is reverted on `main` before the next.
 */
import type { Change } from "../../shared/edits.ts";

export interface ShopRelease extends Change {
  /** The last good release before it; undefined for the first. Bad releases are reverted, so nothing is based on them. */
  readonly base?: string;
  readonly branch: "main" | "next";
  /** First line of the commit. */
  readonly subject: string;
  /** What a deployment of it meets, for the demo's table. */
  readonly story: string;
}

const catalogue = "services/catalogue/server.mjs";

export const shopReleases: readonly ShopRelease[] = [
  {
    tag: "v1.0.0",
    branch: "main",
    subject: "Open the shop",
    story: "the first release",
    edits: [],
  },
  {
    tag: "v1.1.0",
    base: "v1.0.0",
    branch: "main",
    subject: "Show how much of each item is left",
    story: "healthy, with a migration that the running version does not notice",
    edits: [
      {
        file: "migrations/0002_item_stock.sql",
        content:
          "-- Expands only: the running version neither reads nor writes the new column.\n" +
          "ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 12;\n",
      },
      {
        file: "migrations/0003_item_stock_index.postgres.sql",
        content:
          "-- no-transaction: CONCURRENTLY does not block the shop, and cannot run inside a transaction.\n" +
          "CREATE INDEX CONCURRENTLY items_by_stock ON items (stock);\n",
      },
      {
        file: "migrations/0003_item_stock_index.sqlite.sql",
        content: "CREATE INDEX items_by_stock ON items (stock);\n",
      },
      {
        file: catalogue,
        replace: '"id, name, description, price_cents"',
        by: '"id, name, description, price_cents, stock"',
      },
      {
        file: catalogue,
        replace:
          "  return { id: item.id, name: item.name, description: item.description, priceCents: item.price_cents };",
        by:
          "  const { id, name, description, stock } = item;\n" +
          "  return { id, name, description, priceCents: item.price_cents, stock };",
      },
      {
        file: "web/shop.js",
        replace: '    element("span", price.format(item.priceCents / 100), "price"),\n',
        by:
          '    element("span", price.format(item.priceCents / 100), "price"),\n' +
          '    element("small", item.stock + " left", "stock"),\n',
      },
      {
        file: "web/style.css",
        replace: "#notice:empty {",
        by: ".stock {\n  color: var(--quiet);\n}\n#notice:empty {",
      },
    ],
  },
  {
    tag: "v1.2.0",
    base: "v1.1.0",
    branch: "main",
    subject: "Rank the shelves by what sells",
    story: "healthy by its own word, yet answers 500 to a quarter of the requests for items",
    edits: [
      {
        file: "services/catalogue/ranking.mjs",
        content: `// The fault of this release, on purpose: one request in four fails, in an order that looks random and is the same
// after every start (mulberry32), and the health endpoint knows nothing of it.
let state = 20261173;

export function rankingFails() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 < 0.25;
}
`,
      },
      {
        file: catalogue,
        replace: 'import { readJson, refusal, sendHealth, sendJson, serve } from "../../http.mjs";\n',
        by:
          'import { readJson, refusal, sendHealth, sendJson, serve } from "../../http.mjs";\n' +
          'import { rankingFails } from "./ranking.mjs";\n',
      },
      {
        file: catalogue,
        replace: '    if (request.method === "GET" && pathname === "/items") return listItems(response);\n',
        by:
          '    if (request.method === "GET" && pathname.startsWith("/items") && rankingFails()) {\n' +
          '      return sendJson(response, 500, { error: "ranking failed" }, { "x-shop-fault": "release" });\n' +
          "    }\n" +
          '    if (request.method === "GET" && pathname === "/items") return listItems(response);\n',
      },
    ],
  },
  {
    tag: "v1.3.0",
    base: "v1.1.0",
    branch: "main",
    subject: "List only what is in stock, on request",
    story: "healthy; the orchestrator is killed while it has half of the traffic",
    edits: [
      {
        file: catalogue,
        replace: `async function listItems(response) {
  const items = await database.query(\`SELECT \${columns} FROM items ORDER BY id\`);`,
        by: `async function listItems(response, least) {
  const items = await database.query(\`SELECT \${columns} FROM items WHERE stock >= ? ORDER BY id\`, [least]);`,
      },
      {
        file: catalogue,
        replace: "async (request, response, { pathname }) => {",
        by: "async (request, response, { pathname, searchParams }) => {",
      },
      {
        file: catalogue,
        replace: "return listItems(response);",
        by: 'return listItems(response, searchParams.has("available") ? 1 : 0);',
      },
      { file: "web/shop.js", replace: 'fetch("/api/items")', by: 'fetch("/api/items?available")' },
    ],
  },
  {
    tag: "v1.4.0",
    base: "v1.3.0",
    branch: "main",
    subject: "Show prices in the visitor's currency",
    story: "its catalogue crashes on start: a setting it needs is not there",
    edits: [
      {
        file: "services/catalogue/currencies.mjs",
        content: `// Exchange rates, from a setting that nobody has added to production.
import { setTimeout as pause } from "node:timers/promises";

export async function loadCurrencies() {
  await pause(300);
  const rates = process.env.SHOP_EXCHANGE_RATES;
  if (!rates) throw new Error("The setting SHOP_EXCHANGE_RATES is missing: no price can be shown.");
  return JSON.parse(rates);
}
`,
      },
      {
        file: catalogue,
        replace: "const database = openDatabase();\n",
        by: "const database = openDatabase();\nconst currencies = await loadCurrencies();\n",
      },
      {
        file: catalogue,
        replace: 'import { openDatabase } from "../../db.mjs";\n',
        by: 'import { openDatabase } from "../../db.mjs";\nimport { loadCurrencies } from "./currencies.mjs";\n',
      },
      {
        file: catalogue,
        replace: "priceCents: item.price_cents, stock }",
        by: "priceCents: item.price_cents, stock, currencies }",
      },
    ],
  },
  {
    tag: "v1.5.0",
    base: "v1.3.0",
    branch: "main",
    subject: "Call an item's name its title",
    story: "its migration renames a column that the running version reads",
    edits: [
      {
        file: "migrations/0004_item_title.sql",
        content: "ALTER TABLE items RENAME COLUMN name TO title;\n",
      },
      {
        file: catalogue,
        replace: '"id, name, description, price_cents, stock"',
        by: '"id, title AS name, description, price_cents, stock"',
      },
    ],
  },
  {
    tag: "v1.6.0",
    base: "v1.3.0",
    branch: "main",
    subject: "Let customers write reviews",
    story: "its migration fails half-way, after its first statement",
    edits: [
      {
        file: "migrations/0004_reviews.sql",
        content: `-- no-transaction
CREATE TABLE reviews (
  id TEXT PRIMARY KEY,
  item_id INTEGER NOT NULL REFERENCES items (id),
  body TEXT NOT NULL
);

-- The table was called product_reviews on the branch where this was written.
ALTER TABLE product_reviews ADD COLUMN rating INTEGER NOT NULL DEFAULT 0;
`,
      },
    ],
  },
  {
    tag: "v2.0.0-rc.1",
    base: "v1.3.0",
    branch: "next",
    subject: "A new front door",
    story: "a release candidate for the environment that needs approvals",
    edits: [
      {
        file: "web/index.html",
        replace: "Plain things for people who live on the water.",
        by: "Plain things for people who live on the water, and now for those who visit.",
      },
    ],
  },
];
