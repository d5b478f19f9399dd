/**
 * `node examples/staging/run.ts`: from a push to staging, and from there to production, at a SIMULATED GitHub. Exit code 0: each act
 * ended as it says. It needs PostgreSQL's programs.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ExampleDatabase, startDatabase } from "../shared/database.ts";
import { type Act, type Override, playForgeExample } from "../shared/forge-example.ts";
import { readTree } from "../shared/git.ts";
import { latestState, openIssues } from "../shared/shown.ts";
import { pgModule } from "../shop/run-shop.ts";

const health = "services/gateway/health.mjs";

const overrides = ([gateway, auth, ownGateway, ownAuth]: readonly number[]): readonly Override[] => [
  [["components", "gateway", "route", "port"], gateway],
  [["components", "auth", "route", "port"], auth],
  [["components", "gateway", "environment", "AUTH_URL"], `http://127.0.0.1:${auth}`],
  [["components", "auth", "environment", "SHOP_PG_MODULE"], pgModule],
  [["migrations", "main", "environment", "SHOP_PG_MODULE"], pgModule],
  [["environments", "staging", "url"], `http://127.0.0.1:${gateway}`],
  [["environments", "production", "url"], `http://127.0.0.1:${ownGateway}`],
  [["environments", "production", "ports"], { gateway: ownGateway, auth: ownAuth }],
  [["environments", "production", "variables", "gateway", "AUTH_URL"], `http://127.0.0.1:${ownAuth}`],
  [["defaults", "rollout", "steps"], [{ percent: 100, bake: "2s" }]],
  [["defaults", "rollout", "checkEvery"], "200ms"],
  ...[0, 1].map((at): Override => [["defaults", "health", at, "interval"], "100ms"]),
];

const acts: readonly Act[] = [
  {
    heading: "v1.0.0",
    title: "a push to main, into staging and then into production",
    says: "Staging waits for the three checks of exactly this commit. Its success publishes rc-1.0.0, and production demands it.",
    async play({ push, sluice, shows, repository }) {
      const { commit, ci } = await push({ tag: "v1.0.0", subject: "Open the academy", edits: [] }, "whenAsked");
      await sluice(0, "deploy", "staging", "v1.0.0");
      if (!(await ci)) throw new Error("CI of v1.0.0 should have been green.");
      await shows(
        "the release candidate rc-1.0.0, and e2e.yml started on it",
        () =>
          repository.releases.some(({ tag, prerelease }) => tag === "rc-1.0.0" && prerelease) &&
          repository.runs.some(
            ({ workflow, ref, sha }) => workflow === "e2e.yml" && ref === "rc-1.0.0" && sha === commit,
          ),
        "staging",
      );
      await sluice(0, "deploy", "production", "v1.0.0");
      await shows("the release v1.0.0, deployed in production", () => {
        const isReleased = repository.releases.some(({ tag }) => tag === "v1.0.0");
        return isReleased && latestState(repository, commit, "production") === "success";
      });
    },
  },
  {
    heading: "v1.1.0",
    title: "its CI is red",
    says: "The gateway would call itself healthy without auth. The test finds it: staging refuses, and so does production.",
    async play({ push, sluice }) {
      const edit = { file: health, replace: "authStatus === 200 ? 200 : 503", by: "200" };
      const { ci } = await push({ tag: "v1.1.0", subject: "Always be healthy", base: "v1.0.0", edits: [edit] });
      if (await ci) throw new Error("CI of v1.1.0 should have been red.");
      await sluice(3, "deploy", "staging", "v1.1.0");
      await sluice(3, "deploy", "production", "v1.1.0");
    },
  },
  {
    heading: "v1.2.0",
    title: "green in CI, broken in staging",
    says: "It asks auth at a path that is not there. Its health fails in staging, it goes back by itself, and production never gets it.",
    async play({ push, sluice, shows, repository }) {
      const edit = { file: health, replace: '"/auth/health"', by: '"/auth/healthz"' };
      const { commit, ci } = await push({ tag: "v1.2.0", subject: "Shorten a path", base: "v1.0.0", edits: [edit] });
      if (!(await ci)) throw new Error("CI of v1.2.0 should have been green.");
      await sluice(4, "deploy", "staging", "v1.2.0");
      await shows(
        "staging's deployment as failure, one open issue with the report and its label, and no rc-1.2.0",
        () =>
          latestState(repository, commit, "staging") === "failure" &&
          openIssues(repository).some(
            ({ body, labels }) => body.includes("**Report**") && labels.includes("staging-incident"),
          ) &&
          !repository.releases.some(({ tag }) => tag === "rc-1.2.0"),
        "staging",
      );
      await sluice(3, "deploy", "production", "v1.2.0");
    },
  },
  {
    heading: "v1.3.0",
    title: "the fix",
    says: "The next success in staging closes the issue, and production takes it.",
    async play({ push, sluice, shows, repository }) {
      const edit = { file: health, replace: "// The gateway is", by: "// v1.3.0: the gateway is" };
      const { commit, ci } = await push({
        tag: "v1.3.0",
        subject: "Ask at the right path",
        base: "v1.0.0",
        edits: [edit],
      });
      if (!(await ci)) throw new Error("CI of v1.3.0 should have been green.");
      await sluice(0, "deploy", "staging", "v1.3.0");
      const staged = () => repository.releases.some(({ tag }) => tag === "rc-1.3.0");
      const isClosed = ({ labels, state }: (typeof repository.issues)[number]) =>
        !labels.includes("staging-incident") || state === "closed";
      await shows(
        "staging's issue closed, and rc-1.3.0",
        () => staged() && repository.issues.every(isClosed),
        "staging",
      );
      await sluice(0, "deploy", "production", "v1.3.0");
      await shows(
        "the release v1.3.0, deployed in production, no open issue any more, and e2e.yml started on rc-1.3.0",
        () =>
          repository.releases.some(({ tag }) => tag === "v1.3.0") &&
          repository.runs.some(({ ref }) => ref === "rc-1.3.0") &&
          latestState(repository, commit, "production") === "success" &&
          openIssues(repository).length === 0,
      );
    },
  },
];

/** What the shop's services share serves here too. */
async function sources() {
  const own = await readTree(join(import.meta.dirname, "app"));
  const shared = ["http.mjs", "db.mjs", "migrate.mjs"].map(async (name) => {
    return [name, await readFile(join(import.meta.dirname, "../shop/app", name), "utf8")] as const;
  });
  return new Map([...(await Promise.all(shared)), ...own]);
}

async function secrets(database: ExampleDatabase | undefined): Promise<Record<string, string>> {
  if (database?.kind !== "postgres") throw new Error("It needs PostgreSQL: apt-get install postgresql");
  const [staging, production] = [await database.another("staging"), await database.another("production")];
  return { STAGING_DATABASE_URL: staging, PRODUCTION_DATABASE_URL: production };
}

try {
  process.exitCode = await playForgeExample({
    name: "staging",
    title: "Staging after every push, then production",
    folder: import.meta.dirname,
    repository: "acme/academy",
    sources: await sources(),
    jobs: { "lint-and-type-check": ["ci/lint.mjs"], test: ["--test"], "security-scan": ["ci/security-scan.mjs"] },
    workflows: ["e2e.yml"],
    ports: 4,
    users: { paths: ["/api/health", "/auth/health"], ofPorts: 4 },
    database: (place, { keeper }) => startDatabase(join(place.folder, "database"), { keeper }),
    secrets,
    overrides,
    acts,
  });
} catch (error) {
  console.error(`\nThe example could not go on. ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
