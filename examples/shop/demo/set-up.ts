/** Builds the demo's world, in the order in which it is taken down again from its end. */
import { setTimeout as pause } from "node:timers/promises";
import { openState } from "../../../src/app/state.ts";
import { embeddedPostgresStatus } from "../../../src/engine/embedded-postgres/open.ts";
import type { Ledger } from "../../../src/ports/ledger.ts";
import type { Children } from "../../shared/children.ts";
import { startDatabase } from "../../shared/database.ts";
import { type ExamplePlace, freePorts } from "../../shared/place.ts";
import { endInstances, endLedger, endRouters, endWorkers } from "../../shared/processes.ts";
import type { Screen } from "../../shared/screen.ts";
import { type RunningCommand, type Sluice, sluiceFor } from "../../shared/sluice.ts";
import { type ShopPorts, shopConfiguration } from "../configuration.ts";
import { createShopRepository } from "../create-repository.ts";
import { pgModule } from "../run-shop.ts";
import { type Load, loadFor } from "./load.ts";
import { makePeople } from "./people.ts";

/** Where the acts play. */
export interface Stage {
  readonly place: ExamplePlace;
  readonly screen: Screen;
  readonly ledger: Ledger;
  readonly load: Load;
  readonly sluice: Sluice;
  /** The shop's public address in production. */
  readonly address: string;
  /** Name → private key; empty where ssh-keygen is missing. */
  readonly keys: Readonly<Record<string, string>>;
  pause(ms: number): Promise<void>;
  /** Asks until there is an answer; undefined once `command` has ended without. Throws after 60 seconds. */
  until<Answer>(
    what: string,
    command: RunningCommand,
    ask: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined>;
}

export interface SetUpOptions {
  readonly place: ExamplePlace;
  readonly screen: Screen;
  readonly children: Children;
  readonly preferSqlite: boolean;
}

const approvers = ["alice", "bob", "carol"];

export async function setUp({ place, screen, children, preferSqlite }: SetUpOptions): Promise<Stage> {
  const { keeper } = children;
  keeper.sweep(place.folder);
  children.atEnd("the ledger", () => endLedger(place));
  const prefer = preferSqlite ? { prefer: "sqlite" as const } : {};
  const database = await startDatabase(`${place.folder}/database`, { keeper, ...prefer });
  children.atEnd("the shop's database", () => database.stop());
  children.atEnd("the shop", () => endInstances(place));
  children.atEnd("the routers", () => endRouters(place));
  children.atEnd("workers", () => endWorkers(place));

  const [ports, uatPorts] = shopPorts(await freePorts(6));
  const { allowedSignersFile, keys } = await makePeople(`${place.folder}/people`, approvers);
  const uat = keys ? { uatPorts } : {};
  const shop = { ports, ...uat, database, pgModule, approvers, allowedSignersFile };
  const { tags } = await createShopRepository(place.repository, { "sluice.yaml": shopConfiguration(shop) });
  const state = await openState({ url: undefined, stateFolder: place.state });
  children.atEnd("the connection to the ledger", () => state.close());
  const server = await embeddedPostgresStatus(place.state);
  if (server) keeper.watch(server.pid, "SIGINT");

  screen.say(`repository  ${place.repository}, ${Object.keys(tags).length} releases as tags`);
  screen.say(`database    ${database.describe}`);
  screen.say(`ledger      Sluice's own PostgreSQL, in ${place.state}`);
  if (!keys) screen.say("people      ssh-keygen is not here, so nobody can sign: the act with approvals is left out");
  const secrets = {
    SHOP_DATABASE_URL: database.url,
    SHOP_UAT_DATABASE_URL: await database.another("uat"),
    SHOP_TOKEN_SECRET: crypto.randomUUID(),
  };
  return {
    place,
    screen,
    ledger: state.ledger,
    load: loadFor(place.load, place.folder, children),
    sluice: sluiceFor(place, secrets, screen, children),
    address: `http://127.0.0.1:${ports.gateway}`,
    keys: keys ?? {},
    pause: (ms) => pause(ms),
    until,
  };
}

function shopPorts([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: readonly number[]): readonly [ShopPorts, ShopPorts] {
  return [
    { gateway: a, catalogue: b, auth: c },
    { gateway: d, catalogue: e, auth: f },
  ];
}

const patienceMs = 60_000;

async function until<Answer>(what: string, { ended }: RunningCommand, ask: () => Promise<Answer | undefined>) {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const endsAtMs = Date.now() + patienceMs;
  while (!over) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > endsAtMs) throw new Error(`Waited ${patienceMs / 1_000} s for ${what}.`);
    await pause(100);
  }
  return undefined;
}
