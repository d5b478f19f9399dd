/** The tiny project's files: one small HTTP server, its migrations, and a sluice.yaml whose waits are fractions of a second. */

/** How a release behaves; the file `behaviour` of its commit says so. */
export type Behaviour = "healthy" | "fails-half" | "crashes" | "never-ready" | "lies";

export interface TinyRelease {
  readonly tag: string;
  readonly behaviour: Behaviour;
  /** Ids of its migrations, those of earlier releases included. */
  readonly migrations?: readonly string[];
  /** Of a tool of its own, by name in `db/migrations`; those of earlier releases included. */
  readonly sql?: Readonly<Record<string, string>>;
}

export const tinyReleases: readonly TinyRelease[] = [
  { tag: "v1.0.0", behaviour: "healthy" },
  { tag: "v1.1.0", behaviour: "healthy" },
  { tag: "v1.2.0", behaviour: "fails-half" },
  { tag: "v1.3.0", behaviour: "crashes" },
  { tag: "v1.4.0", behaviour: "never-ready" },
  { tag: "v1.5.0", behaviour: "lies" },
];

/** `argv[2]` is only there so that the project's processes can be told from all others. */
const server = `import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const behaviour = readFileSync("behaviour", "utf8").trim();
const version = process.env.SLUICE_VERSION;
if (behaviour === "crashes") {
  console.error("cannot find the module that was forgotten in this release");
  process.exit(1);
}
let asked = 0;
const server = createServer((request, response) => {
  const health = request.url === "/health";
  const broken = !health && behaviour === "fails-half" && asked++ % 2 === 0;
  const waiting = health && behaviour === "never-ready";
  const told = behaviour === "lies" ? "v0.0.1" : version;
  response.writeHead(broken ? 500 : waiting ? 503 : 200, { "content-type": "application/json", "x-version": version });
  response.end(JSON.stringify({ version: told, pid: process.pid }));
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("instance started"));
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
`;

/** A migration tool as they are: a table of what was applied, in one transaction with the change. \`effects\` would show a second time. */
const migrate = `import { readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const [, , what, file] = process.argv;
const db = new DatabaseSync(file, { timeout: 5000 });
db.exec("begin immediate; create table if not exists migrated (id text primary key); create table if not exists effects (id text); commit");
const pending = () => {
  const done = new Set(db.prepare("select id from migrated").all().map((row) => row.id));
  return readdirSync("migrations").map((name) => name.replace(".sql", "")).sort().filter((id) => id !== "none" && !done.has(id));
};
if (what === "pending") for (const id of pending()) console.log(id);
if (what === "apply") {
  db.exec("begin immediate");
  for (const id of pending()) {
    db.prepare("insert into effects values (?)").run(id);
    db.prepare("insert into migrated values (?)").run(id);
    console.log("applied " + id);
  }
  db.exec("commit");
}
db.close();
`;

export interface TinyPlace {
  readonly folder: string;
  readonly port: number;
  /** Absolute, outside the releases. */
  readonly databaseFile: string | undefined;
  /** Lines laid over the environment's own, each a key of it; a key that is there already is replaced. */
  readonly environment: Readonly<Record<string, string>>;
  /** More top-level lines, e.g. `secrets: { … }`. */
  readonly more: readonly string[];
  /** Lines of the component's own settings, e.g. `environment: { TOKEN: { secret: TOKEN } }`. */
  readonly component: readonly string[];
}

export const tinyRollout =
  "{ steps: [{ percent: 50, bake: 500ms }, { percent: 100, bake: 300ms }], checkEvery: 100ms, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 5, errorRate: 0.05, errorRateRise: off, meanLatency: off, p95Latency: off }, unknownFor: 3s, unattended: 5s, keepStable: 0s, verdict: { bucket: 250ms, grace: 100ms, warmUp: 250ms, dispersionWithoutHistory: 1, rehearsal: false, advisory: [latency] } }";

/** Time enough for a busy machine to start again what was killed before a weight goes back as undecided. */
export const patientRollout = tinyRollout
  .replace("unknownFor: 3s", "unknownFor: 20s")
  .replace("unattended: 5s", "unattended: 25s");

const defaults = (place: TinyPlace): Readonly<Record<string, string>> => ({
  policy: "standard",
  url: `http://127.0.0.1:${place.port}`,
  checks: "{ ci: off, load: off, memory: off, clean-tree: block }",
  disk: "{ minFree: 1MiB }",
  approvals: "{ required: 0, wait: 0s }",
  backup: `{ policy: ${place.databaseFile === undefined ? "none" : "always"} }`,
  rollout: tinyRollout,
  health:
    '[{ name: web, url: "{url}/health", body: { version: "{version}" }, retries: 1, interval: 50ms, timeout: 2s, overall: 3s }]',
  smoke: "{ suite: essential, timeout: 5s }",
  observation: "{ duration: 0s }",
});

export function tinyConfiguration(place: TinyPlace): string {
  const argument = JSON.stringify(place.folder);
  const environment = Object.entries({ ...defaults(place), ...place.environment });
  const database =
    place.databaseFile === undefined
      ? []
      : [
          `databases: { main: { kind: sqlite, file: ${JSON.stringify(place.databaseFile)} } }`,
          `migrations: { main: { pending: [node, migrate.mjs, pending, ${JSON.stringify(place.databaseFile)}], apply: [node, migrate.mjs, apply, ${JSON.stringify(place.databaseFile)}] } }`,
        ];
  return `${[
    "sluice: 1",
    "project: tiny",
    ...place.more,
    "components:",
    "  web:",
    `    command: ["node", "server.mjs", ${argument}]`,
    "    ready: { path: /health, version: true, interval: 20ms, timeout: 3s }",
    "    stopTimeout: 1s",
    `    route: { port: ${place.port} }`,
    ...place.component.map((line) => `    ${line}`),
    ...database,
    "environments:",
    "  production:",
    ...environment.map(([key, value]) => `    ${key}: ${value}`),
  ].join("\n")}\n`;
}

/** Path → content of one release's commit. */
export function tinyTree(release: TinyRelease, configuration: string): ReadonlyMap<string, string> {
  const migrations = (release.migrations ?? ["none"]).map((id) => [`migrations/${id}.sql`, `-- ${id}\n`] as const);
  const sql = Object.entries(release.sql ?? {}).map(([name, text]) => [`db/migrations/${name}`, text] as const);
  return new Map([
    ["sluice.yaml", configuration],
    [".gitignore", ".sluice/\ndeployment-logs/\ndata/\n"],
    ["behaviour", `${release.behaviour}\n`],
    ["version.txt", `${release.tag}\n`],
    ["server.mjs", server],
    ["migrate.mjs", migrate],
    ...migrations,
    ...sql,
  ]);
}
