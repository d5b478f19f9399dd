/** The shop's releases, run for real on SQLite: each does what the demo's table says of it. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createShopRepository, type ShopRepository } from "./create-repository.ts";
import { shopReleases } from "./releases/releases.ts";
import { type RunningShop, runScript, runShop } from "./run-shop.ts";

const run = promisify(execFile);
const git = async (...args: readonly string[]) => (await run("git", args, { cwd: repository })).stdout.trim();

let folder: string;
let repository: string;
let made: ShopRepository;
let databases = 0;
const running: RunningShop[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shop-releases-"));
  repository = join(folder, "repository");
  made = await createShopRepository(repository, { "sluice.yaml": "project: shop\n" });
  for (const { tag } of shopReleases) await git("worktree", "add", "--quiet", "--detach", treeOf(tag), tag);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((shop) => shop.stop()));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const treeOf = (tag: string): string => join(folder, "trees", tag);

function freshDatabase(): { readonly file: string; readonly url: string } {
  const file = join(folder, `shop-${++databases}.db`);
  return { file, url: `sqlite:${file}` };
}

async function migratedTo(tag: string) {
  const database = freshDatabase();
  const { exitCode, stderr } = await runScript(treeOf(tag), ["migrate.mjs", "up"], database.url);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  return database;
}

async function start(tag: string, databaseUrl: string): Promise<RunningShop> {
  const shop = await runShop(treeOf(tag), databaseUrl, tag);
  running.push(shop);
  return shop;
}

async function json(address: string, init?: RequestInit) {
  const response = await fetch(address, init);
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

/** The ids of the migrations that are not applied, in order. */
async function pendingOf(tag: string, databaseUrl: string): Promise<readonly string[]> {
  const { stdout } = await runScript(treeOf(tag), ["migrate.mjs", "pending"], databaseUrl);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => (JSON.parse(line) as { id: string }).id);
}

test("the repository holds every release as an annotated tag, in a clean tree on main", async () => {
  const kinds = await Promise.all(shopReleases.map(({ tag }) => git("cat-file", "-t", tag)));

  expect(kinds).toEqual(shopReleases.map(() => "tag"));
  expect(Object.keys(made.tags)).toEqual(shopReleases.map(({ tag }) => tag));
  expect(await git("rev-parse", "v1.3.0^{commit}")).toBe(made.tags["v1.3.0"]);
  expect(await git("status", "--porcelain")).toBe("");
  expect(await git("branch", "--show-current")).toBe("main");
  expect(await git("show", "v1.6.0:sluice.yaml")).toBe("project: shop");
});

test("the same sources give the same commits", async () => {
  const again = await createShopRepository(join(folder, "again"), { "sluice.yaml": "project: shop\n" });

  expect(again.tags).toEqual(made.tags);
});

test("a bad release is gone from the next one", async () => {
  expect(await git("diff", "--name-only", "v1.3.0", "main")).toBe("");
  expect(await git("ls-tree", "-r", "--name-only", "v1.3.0", "services/catalogue")).not.toContain("ranking.mjs");
});

test("a build of the same tree gives the same bytes", async () => {
  const builds = [];
  for (const _ of [1, 2]) {
    const { exitCode, stdout } = await runScript(treeOf("v1.0.0"), ["build.mjs"], "sqlite:unused");
    builds.push({ exitCode, stdout });
  }

  expect(builds[0]).toEqual(builds[1]);
  expect(builds[0]).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("built shop 1.0.0") });
});

const starting = shopReleases.filter(({ tag }) => tag !== "v1.4.0").map(({ tag }) => tag);
test.for(starting)("%s starts, answers and ends gracefully", async (tag) => {
  // v1.6.0 cannot migrate; what it would run on is the schema of its base.
  const database = await migratedTo(tag === "v1.6.0" ? "v1.3.0" : tag);
  const shop = await start(tag, database.url);

  const health = await json(`${shop.gatewayUrl}/api/health`);
  expect(health).toMatchObject({ status: 200, body: { status: "ok", version: tag } });
  const components = { catalogue: { status: "ok", version: tag }, auth: { status: "ok", version: tag } };
  expect(health.body.components).toMatchObject(components);
  const page = await fetch(shop.gatewayUrl);
  expect(page.headers.get("x-shop-version")).toBe(tag);
  expect(await page.text()).toContain("The Lock-keeper's Shop");
  const item = await json(`${shop.gatewayUrl}/api/items/2`);
  if (tag !== "v1.2.0") expect(item).toMatchObject({ status: 200, body: { name: "Mooring rope", priceCents: 2890 } });

  expect(await shop.stop()).toEqual({ gateway: 0, auth: 0, catalogue: 0 });
});

test("v1.0.0 takes an order from a customer who is logged in, and from nobody else", async () => {
  const { file, url } = await migratedTo("v1.0.0");
  const { gatewayUrl } = await start("v1.0.0", url);

  const wrong = await json(`${gatewayUrl}/api/auth/login`, post({ user: "demo", password: "wrong" }));
  const { body } = await json(`${gatewayUrl}/api/auth/login`, post({ user: "demo", password: "demo" }));
  const authorization = { authorization: `Bearer ${body.token}` };
  const who = await json(`${gatewayUrl}/api/auth/status`, { headers: authorization });
  const refused = await json(`${gatewayUrl}/api/orders`, post({ itemId: 3 }));
  const forged = await json(`${gatewayUrl}/api/orders`, post({ itemId: 3 }, { authorization: "Bearer x.y" }));
  const taken = await json(`${gatewayUrl}/api/orders`, post({ itemId: 3, quantity: 2 }, authorization));

  expect([wrong.status, refused.status, forged.status, taken.status]).toEqual([401, 401, 401, 201]);
  expect(who.body).toEqual({ user: "demo" });
  const orders = new DatabaseSync(file).prepare("SELECT id, user_name, item_id, quantity FROM orders").all();
  expect(orders).toEqual([{ id: taken.body.id, user_name: "demo", item_id: 3, quantity: 2 }]);
});

test("v1.1.0's migration leaves the running v1.0.0 working, and is not pending afterwards", async () => {
  const { url } = await migratedTo("v1.0.0");
  const shop = await start("v1.0.0", url);

  expect(await pendingOf("v1.1.0", url)).toEqual(["0002_item_stock", "0003_item_stock_index"]);
  expect((await runScript(treeOf("v1.1.0"), ["migrate.mjs", "up"], url)).exitCode).toBe(0);

  expect(await pendingOf("v1.1.0", url)).toEqual([]);
  expect((await fetch(`${shop.gatewayUrl}/api/items`)).status).toBe(200);
  const next = await start("v1.1.0", url);
  expect((await json(`${next.gatewayUrl}/api/items/1`)).body).toMatchObject({ stock: 12 });
});

test("v1.2.0 says it is healthy while a quarter of its answers are 500, marked as its own fault through the gateway", async () => {
  const { url } = await migratedTo("v1.2.0");
  const { gatewayUrl, catalogueUrl } = await start("v1.2.0", url);

  const answers = [];
  for (let i = 0; i < 1_000; i++) {
    const response = await fetch(`${gatewayUrl}/api/items`);
    await response.arrayBuffer();
    answers.push({ status: response.status, fault: response.headers.get("x-shop-fault") });
  }

  const failed = answers.filter(({ status }) => status === 500);
  expect(failed.length).toBeGreaterThan(200);
  expect(failed.length).toBeLessThan(300);
  expect(failed.every(({ fault }) => fault === "release")).toBe(true);
  expect(answers.filter(({ status }) => status === 200).every(({ fault }) => fault === null)).toBe(true);
  expect((await fetch(`${catalogueUrl}/health`)).status).toBe(200);
});

test("v1.4.0's catalogue ends at its start and its log says why and where", async () => {
  const { url } = await migratedTo("v1.4.0");

  const started = runShop(treeOf("v1.4.0"), url, "v1.4.0");

  await expect(started).rejects.toThrow(
    /catalogue ended with 1[\s\S]*SHOP_EXCHANGE_RATES is missing[\s\S]*currencies\.mjs:7/,
  );
});

test("v1.5.0's migration breaks the version that is running, with failures that carry no mark", async () => {
  const { url } = await migratedTo("v1.3.0");
  const shop = await start("v1.3.0", url);

  expect((await runScript(treeOf("v1.5.0"), ["migrate.mjs", "up"], url)).exitCode).toBe(0);
  const broken = await json(`${shop.gatewayUrl}/api/items`);

  expect(broken.status).toBe(500);
  expect(broken.headers.get("x-shop-fault")).toBeNull();
});

test("v1.6.0's migration fails half-way: its first statement stays, it remains pending, the shop goes on", async () => {
  const { file, url } = await migratedTo("v1.3.0");
  const shop = await start("v1.3.0", url);

  const { exitCode, stdout, stderr } = await runScript(treeOf("v1.6.0"), ["migrate.mjs", "up"], url);

  expect(exitCode).toBe(1);
  expect(stdout).toContain("0004_reviews 1/2: CREATE TABLE reviews");
  expect(stderr).toContain("0004_reviews failed at statement 2/2: no such table: product_reviews");
  const tables = new DatabaseSync(file).prepare("SELECT name FROM sqlite_master WHERE name = 'reviews'").all();
  expect(tables).toHaveLength(1);
  expect(await pendingOf("v1.6.0", url)).toEqual(["0004_reviews"]);
  expect((await fetch(`${shop.gatewayUrl}/api/items`)).status).toBe(200);
});
