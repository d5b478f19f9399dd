/**
 * `node examples/ci-gated/run.ts`: production behind CI, from a push to a finished deployment at a SIMULATED GitHub. Exit code 0: each
 * act ended as it says.
 */
import { join } from "node:path";
import { type Act, type Override, playForgeExample } from "../shared/forge-example.ts";
import { readTree } from "../shared/git.ts";
import { latestState, openIssues } from "../shared/shown.ts";

const production = ["environments", "production"] as const;
const answers = "backend/answers.mjs";
const deploy = ["deploy", "production"] as const;

const overrides = ([port]: readonly number[]): readonly Override[] => [
  [["components", "backend", "route", "port"], port],
  [[...production, "url"], `http://127.0.0.1:${port}`],
  [[...production, "rollout", "steps"], [{ percent: 100, bake: "2s" }]],
  [[...production, "rollout", "checkEvery"], "100ms"],
  ...[0, 1, 2].map((at): Override => [[...production, "health", at, "interval"], "100ms"]),
  [[...production, "observation", "duration"], "3s"],
  [[...production, "observation", "every"], "250ms"],
];

const acts: readonly Act[] = [
  {
    heading: "v1.0.0",
    title: "deployed while its CI still runs",
    says: "The deployment is started right after the push. It waits until the checks of exactly this commit have passed.",
    async play({ push, sluice, shows, repository }) {
      const { commit, ci } = await push({ tag: "v1.0.0", subject: "Open the backend", edits: [] }, "whenAsked");
      await sluice(0, ...deploy, "v1.0.0");
      if (!(await ci)) throw new Error("CI of v1.0.0 should have been green.");
      await shows(
        "deployment and status success, and the release v1.0.0 with what changed",
        () =>
          latestState(repository, commit, "production") === "success" &&
          repository.statuses.some(({ sha, state }) => sha === commit && state === "success") &&
          repository.releases.some(({ tag, body }) => tag === "v1.0.0" && body.includes("Open the backend")),
      );
    },
  },
  {
    heading: "v1.1.0",
    title: "green in CI, broken in production",
    says: "The sessions that it opens are never closed: from the eighth question on it answers 500. CI asks less often than that.",
    async play({ push, sluice, shows, repository }) {
      const broken = `let sessions = 0;

function authStatus() {
  if (++sessions > 7) return { status: 500, body: { error: "too many sessions" } };
`;
      const edit = { file: answers, replace: "function authStatus() {\n", by: broken };
      const subject = "Open a session for everybody";
      const { commit, ci } = await push({ tag: "v1.1.0", subject, base: "v1.0.0", edits: [edit] });
      if (!(await ci)) throw new Error("CI of v1.1.0 should have been green.");
      await sluice(4, ...deploy, "v1.1.0");
      await shows(
        "deployment and status failure, and one open issue with the report and its labels",
        () =>
          latestState(repository, commit, "production") === "failure" &&
          repository.statuses.some(({ sha, state }) => sha === commit && state === "failure") &&
          openIssues(repository).length === 1 &&
          openIssues(repository).every(
            ({ title, body, labels }) =>
              title.includes("v1.1.0") && body.includes("**Report**") && labels.includes("sluice-incident"),
          ),
      );
    },
  },
  {
    heading: "v1.2.0",
    title: "in haste, and its CI is red",
    says: "A documented path was renamed and the documentation was not. The test finds it, so nothing may be touched.",
    async play({ push, sluice, shows, repository }) {
      const edit = { file: answers, replace: 'path === "/api/auth/status"', by: 'path === "/api/session"' };
      const { commit, ci } = await push({ tag: "v1.2.0", subject: "Name the session", base: "v1.0.0", edits: [edit] });
      if (await ci) throw new Error("CI of v1.2.0 should have been red.");
      await sluice(3, ...deploy, "v1.2.0");
      await shows(
        "deployment and status failure, a comment in the same issue that names the red check, and no release v1.2.0",
        () =>
          latestState(repository, commit, "production") === "failure" &&
          repository.statuses.some(({ sha, description }) => sha === commit && description?.includes("refused")) &&
          repository.issues.length === 1 &&
          openIssues(repository).some(({ comments }) =>
            comments.some(({ body }) => body.includes("ci: test: failure")),
          ) &&
          !repository.releases.some(({ tag }) => tag === "v1.2.0"),
      );
    },
  },
  {
    heading: "v1.3.0",
    title: "the fix",
    says: "The next success closes the issue.",
    async play({ push, sluice, shows, repository }) {
      const edit = { file: answers, replace: "user: null,", by: "user: null, sessions: 0," };
      const { commit, ci } = await push({
        tag: "v1.3.0",
        subject: "Close every session",
        base: "v1.0.0",
        edits: [edit],
      });
      if (!(await ci)) throw new Error("CI of v1.3.0 should have been green.");
      await sluice(0, ...deploy, "v1.3.0");
      await shows(
        "deployment and status success, the release v1.3.0, and no open issue any more",
        () =>
          latestState(repository, commit, "production") === "success" &&
          repository.statuses.some(({ sha, state }) => sha === commit && state === "success") &&
          repository.releases.some(({ tag }) => tag === "v1.3.0") &&
          openIssues(repository).length === 0,
      );
    },
  },
];

try {
  process.exitCode = await playForgeExample({
    name: "ci-gated",
    title: "Deployed only what CI has passed",
    folder: import.meta.dirname,
    repository: "acme/awareness",
    sources: await readTree(join(import.meta.dirname, "app")),
    jobs: { lint: ["ci/lint.mjs"], test: ["--test"] },
    ports: 1,
    users: { paths: ["/api/health", "/api/docs", "/api/auth/status"], ofPorts: 1 },
    overrides,
    acts,
  });
} catch (error) {
  console.error(`\nThe example could not go on. ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
