/** What the simulated GitHub does for each operation, and which permission it takes. State is in world.ts, the shape of answers in bodies.ts. */
import {
  type Base,
  checkRunBody,
  commentBody,
  commitBody,
  deploymentBody,
  deploymentStatusBody,
  issueBody,
  pullBody,
  releaseBody,
  runBody,
  statusBody,
} from "./bodies.ts";
import { ancestorsOf, nextId, resolveRef, type SimulatedIssue, type SimulatedRepository } from "./world.ts";

export interface Call {
  readonly repository: SimulatedRepository;
  readonly base: Base;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Who asks, as GitHub names them. */
  readonly login: string;
  readonly nowMs: number;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** How many there are of the list in the body, or under this key of it: it is cut into pages. */
  readonly paged?: string | true;
}

interface Route {
  readonly permission: string;
  readonly level: "read" | "write";
  readonly answer: (call: Call) => Answer;
}

const found = (body: unknown, paged?: string | true): Answer => ({ status: 200, body, ...(paged ? { paged } : {}) });
export const notFound: Answer = {
  status: 404,
  body: { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" },
};
const invalid = (message: string): Answer => ({
  status: 422,
  body: {
    message: "Validation Failed",
    documentation_url: "https://docs.github.com/rest",
    errors: [{ resource: "X", code: "custom", message }],
  },
});
const text = (value: unknown): string => (typeof value === "string" ? value : "");

const read = (permission: string, answer: Route["answer"]): Route => ({ permission, level: "read", answer });
const write = (permission: string, answer: Route["answer"]): Route => ({ permission, level: "write", answer });

const issueOf = ({ repository, path }: Call): SimulatedIssue | undefined =>
  repository.issues.find(({ number }) => number === Number(path.issue_number));
const deploymentOf = ({ repository, path }: Call) =>
  repository.deployments.find(({ id }) => id === Number(path.deployment_id));

const r = "/repos/{owner}/{repo}";

const commitRoutes: Readonly<Record<string, Route>> = {
  [`GET ${r}/git/ref/{ref}`]: read("contents", ({ repository, base, path }) => {
    const name = path.ref ?? "";
    const ref = repository.refs.get(name);
    if (ref === undefined) return notFound;
    const url = `${base.api}/repos/${repository.owner}/${repository.name}/git/refs/${encodeURI(name)}`;
    const object = ref.annotated
      ? { type: "tag", sha: `${"a".repeat(8)}${ref.sha.slice(8)}`, url }
      : { type: "commit", sha: ref.sha, url };
    return found({ ref: `refs/${name}`, node_id: "REF", url, object });
  }),
  [`GET ${r}/commits/{ref}`]: read("contents", ({ repository, base, path }) => {
    const sha = resolveRef(repository, path.ref ?? "");
    const commit = sha === undefined ? undefined : repository.commits.get(sha);
    return commit ? found(commitBody(base, repository, commit)) : invalid(`No commit found for SHA: ${path.ref}`);
  }),
  [`GET ${r}/compare/{basehead}`]: read("contents", ({ repository, base, path, query }) => {
    const [from, to] = (path.basehead ?? "").split("...").map((name) => resolveRef(repository, name));
    if (from === undefined || to === undefined) return notFound;
    const before = new Set(ancestorsOf(repository, from).map(({ sha }) => sha));
    const commits = ancestorsOf(repository, to).filter(({ sha }) => !before.has(sha));
    const bodies = commits.toReversed().map((commit) => commitBody(base, repository, commit));
    const url = `${base.api}/repos/${repository.owner}/${repository.name}/compare/${from}...${to}`;
    const start = repository.commits.get(from);
    const [page, size] = [Number(query.page ?? 1), Number(query.per_page ?? 250)];
    return found({
      ...{ url, html_url: url, permalink_url: url, diff_url: url, patch_url: url },
      base_commit: start && commitBody(base, repository, start),
      merge_base_commit: start && commitBody(base, repository, start),
      status: commits.length > 0 ? "ahead" : "identical",
      ahead_by: commits.length,
      behind_by: 0,
      total_commits: commits.length,
      commits: bodies.slice((page - 1) * size, page * size),
      files: [],
    });
  }),
  [`GET ${r}/commits`]: read("contents", ({ repository, base, query }) => {
    const sha = resolveRef(repository, query.sha ?? "main");
    if (sha === undefined) return notFound;
    const bodies = ancestorsOf(repository, sha).map((commit) => commitBody(base, repository, commit));
    return found(bodies, true);
  }),
  [`GET ${r}/commits/{commit_sha}/pulls`]: read("pull_requests", ({ repository, base, path }) => {
    const sha = path.commit_sha ?? "";
    if (!repository.commits.has(sha)) return invalid(`No commit found for SHA: ${sha}`);
    const pulls = repository.pulls.filter(({ commits }) => commits.includes(sha));
    return found(
      pulls.map((pull) => pullBody(base, repository, pull)),
      true,
    );
  }),
  [`GET ${r}/commits/{ref}/check-runs`]: read("checks", ({ repository, base, path, query }) => {
    const sha = resolveRef(repository, path.ref ?? "");
    const here = repository.checkRuns.filter((run) => run.sha === sha);
    // "latest": of the same name and app, only the newest.
    const latest = here.filter(
      (run) => !here.some((other) => other.name === run.name && other.app.id === run.app.id && other.id > run.id),
    );
    const runs = (query.filter === "all" ? here : latest).map((run) => checkRunBody(base, repository, run));
    return found({ total_count: runs.length, check_runs: runs }, "check_runs");
  }),
  [`GET ${r}/commits/{ref}/statuses`]: read("statuses", ({ repository, base, path }) => {
    const sha = resolveRef(repository, path.ref ?? "");
    const statuses = repository.statuses.filter((status) => status.sha === sha).toReversed();
    return found(
      statuses.map((status) => statusBody(base, repository, status)),
      true,
    );
  }),
  [`POST ${r}/statuses/{sha}`]: write("statuses", ({ repository, base, path, body, login, nowMs }) => {
    const sha = path.sha ?? "";
    if (!repository.commits.has(sha)) return invalid(`No commit found for SHA: ${sha}`);
    if (text(body.description).length > 140) return invalid("description is too long (maximum is 140 characters)");
    const status = {
      id: nextId(),
      sha,
      context: text(body.context) || "default",
      state: text(body.state),
      description: text(body.description) || null,
      targetUrl: text(body.target_url) || null,
      creator: login,
      atMs: nowMs,
    };
    repository.statuses.push(status);
    return { status: 201, body: statusBody(base, repository, status) };
  }),
};

const mostReleaseText = 125_000;

const releaseRoutes: Readonly<Record<string, Route>> = {
  [`GET ${r}/releases`]: read("contents", ({ repository, base }) =>
    found(
      repository.releases.toReversed().map((release) => releaseBody(base, repository, release)),
      true,
    ),
  ),
  [`GET ${r}/releases/tags/{tag}`]: read("contents", ({ repository, base, path }) => {
    const release = repository.releases.find(({ tag, draft }) => tag === path.tag && !draft);
    return release ? found(releaseBody(base, repository, release)) : notFound;
  }),
  [`POST ${r}/releases`]: write("contents", ({ repository, base, body, nowMs }) => {
    const tag = text(body.tag_name);
    if (repository.releases.some((release) => release.tag === tag)) return invalid("tag_name already_exists");
    if (text(body.body).length > mostReleaseText) return invalid("body is too long (maximum is 125000 characters)");
    const commitish = text(body.target_commitish) || "main";
    const sha = resolveRef(repository, tag) ?? resolveRef(repository, commitish);
    if (sha === undefined) return invalid("target_commitish is invalid");
    if (!repository.refs.has(`tags/${tag}`)) repository.refs.set(`tags/${tag}`, { sha, annotated: false });
    const release = {
      id: nextId(),
      tag,
      commitish,
      name: text(body.name) || tag,
      body: text(body.body),
      draft: body.draft === true,
      prerelease: body.prerelease === true,
      atMs: nowMs,
    };
    repository.releases.push(release);
    return { status: 201, body: releaseBody(base, repository, release) };
  }),
  [`PATCH ${r}/releases/{release_id}`]: write("contents", ({ repository, base, path, body }) => {
    const at = repository.releases.findIndex(({ id }) => id === Number(path.release_id));
    const before = repository.releases[at];
    if (before === undefined) return notFound;
    const after = { ...before, ...(typeof body.body === "string" && { body: body.body }) };
    repository.releases[at] = after;
    return found(releaseBody(base, repository, after));
  }),
  [`POST ${r}/releases/generate-notes`]: write("contents", ({ repository, body }) => {
    const to = resolveRef(repository, text(body.tag_name)) ?? resolveRef(repository, text(body.target_commitish));
    if (to === undefined) return notFound;
    const from = resolveRef(repository, text(body.previous_tag_name));
    const before = new Set(from === undefined ? [] : ancestorsOf(repository, from).map(({ sha }) => sha));
    const changes = ancestorsOf(repository, to).filter(({ sha }) => !before.has(sha));
    const lines = changes.map(({ message, login }) => `* ${message.split("\n")[0]} by @${login ?? "ghost"}`);
    return found({ name: text(body.tag_name), body: `## What's Changed\n${lines.join("\n")}` });
  }),
};

const deploymentStates = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];

const deploymentRoutes: Readonly<Record<string, Route>> = {
  [`GET ${r}/deployments`]: read("deployments", ({ repository, base, query }) => {
    const asked = (key: "sha" | "environment", value: string) => query[key] === undefined || query[key] === value;
    const matching = repository.deployments
      .filter(({ sha, environment }) => asked("sha", sha) && asked("environment", environment))
      .toReversed();
    return found(
      matching.map((deployment) => deploymentBody(base, repository, deployment)),
      true,
    );
  }),
  [`POST ${r}/deployments`]: write("deployments", ({ repository, base, body }) => {
    const sha = resolveRef(repository, text(body.ref));
    if (sha === undefined) return invalid(`No ref found for: ${text(body.ref)}`);
    const contexts = body.required_contexts;
    const undecided = repository.checkRuns.some((run) => run.sha === sha && run.conclusion !== "success");
    // GitHub demands every check of the ref unless told which; whoever asks its own gate says: none.
    if (!Array.isArray(contexts) && undecided) {
      return {
        status: 409,
        body: { message: "Conflict: Commit status checks failed for main.", documentation_url: "" },
      };
    }
    const deployment = {
      id: nextId(),
      sha,
      ref: text(body.ref),
      environment: text(body.environment) || "production",
      payload: body.payload ?? {},
      description: text(body.description) || null,
      production: body.production_environment === true,
      statuses: [],
    };
    repository.deployments.push(deployment);
    return { status: 201, body: deploymentBody(base, repository, deployment) };
  }),
  [`GET ${r}/deployments/{deployment_id}/statuses`]: read("deployments", (call) => {
    const deployment = deploymentOf(call);
    if (deployment === undefined) return notFound;
    const { base, repository } = call;
    return found(
      deployment.statuses.toReversed().map((status) => deploymentStatusBody(base, repository, deployment, status)),
      true,
    );
  }),
  [`POST ${r}/deployments/{deployment_id}/statuses`]: write("deployments", (call) => {
    const { base, repository, body } = call;
    const deployment = deploymentOf(call);
    if (deployment === undefined) return notFound;
    if (!deploymentStates.includes(text(body.state))) return invalid("state is not included in the list");
    if (text(body.description).length > 140) return invalid("description is too long (maximum is 140 characters)");
    const status = {
      id: nextId(),
      state: text(body.state),
      description: text(body.description),
      logUrl: text(body.log_url),
      environmentUrl: text(body.environment_url),
    };
    deployment.statuses.push(status);
    return { status: 201, body: deploymentStatusBody(base, repository, deployment, status) };
  }),
};

const mostIssueText = 65_536;

const issueRoutes: Readonly<Record<string, Route>> = {
  [`GET ${r}/issues`]: read("issues", ({ repository, base, query }) => {
    const labels = (query.labels ?? "").split(",").filter((label) => label !== "");
    const matching = repository.issues
      .filter(({ state }) => query.state === "all" || state === (query.state ?? "open"))
      .filter((issue) => labels.every((label) => issue.labels.includes(label)));
    const ordered = query.direction === "asc" ? matching : matching.toReversed();
    return found(
      ordered.map((issue) => issueBody(base, repository, issue)),
      true,
    );
  }),
  [`POST ${r}/issues`]: write("issues", ({ repository, base, body, login }) => {
    if (text(body.body).length > mostIssueText) return invalid("body is too long (maximum is 65536 characters)");
    if (text(body.title).length > 256) return invalid("title is too long (maximum is 256 characters)");
    const issue: SimulatedIssue = {
      number: repository.issues.length + 1,
      title: text(body.title),
      body: text(body.body),
      state: "open",
      reason: null,
      labels: Array.isArray(body.labels) && !repository.dropsLabels ? body.labels.map(String) : [],
      by: login,
      comments: [],
    };
    repository.issues.push(issue);
    return { status: 201, body: issueBody(base, repository, issue) };
  }),
  [`PATCH ${r}/issues/{issue_number}`]: write("issues", (call) => {
    const issue = issueOf(call);
    if (issue === undefined) return notFound;
    const { body, base, repository } = call;
    if (text(body.body).length > mostIssueText) return invalid("body is too long (maximum is 65536 characters)");
    if (body.state === "open" || body.state === "closed") issue.state = body.state;
    if (typeof body.state_reason === "string") issue.reason = body.state_reason;
    if (typeof body.body === "string") issue.body = body.body;
    return found(issueBody(base, repository, issue));
  }),
  [`GET ${r}/issues/{issue_number}/comments`]: read("issues", (call) => {
    const issue = issueOf(call);
    if (issue === undefined) return notFound;
    return found(
      issue.comments.map((comment) => commentBody(call.base, call.repository, issue, comment)),
      true,
    );
  }),
  [`POST ${r}/issues/{issue_number}/comments`]: write("issues", (call) => {
    const issue = issueOf(call);
    if (issue === undefined) return notFound;
    if (text(call.body.body).length > mostIssueText) return invalid("body is too long (maximum is 65536 characters)");
    const comment = { id: nextId(), body: text(call.body.body), by: call.login };
    issue.comments.push(comment);
    return { status: 201, body: commentBody(call.base, call.repository, issue, comment) };
  }),
};

const workflowRoutes: Readonly<Record<string, Route>> = {
  [`POST ${r}/actions/workflows/{workflow_id}/dispatches`]: write(
    "actions",
    ({ repository, base, path, body, nowMs }) => {
      const workflow = path.workflow_id ?? "";
      if (!repository.workflows.includes(workflow)) return notFound;
      const sha = resolveRef(repository, text(body.ref));
      if (sha === undefined) return invalid(`No ref found for: ${text(body.ref)}`);
      const inputs = (body.inputs ?? {}) as Readonly<Record<string, string>>;
      const run = { id: nextId(), workflow, event: "workflow_dispatch", ref: text(body.ref), sha, inputs, atMs: nowMs };
      repository.runs.push(run);
      if (body.return_run_details !== true) return { status: 204, body: undefined };
      const { url, html_url } = runBody(base, repository, run);
      return found({ workflow_run_id: run.id, run_url: url, html_url });
    },
  ),
  [`GET ${r}/actions/workflows/{workflow_id}/runs`]: read("actions", ({ repository, base, path, query }) => {
    const asked = (key: string, value: string) => query[key] === undefined || query[key] === value;
    const runs = repository.runs
      .filter(({ workflow }) => workflow === path.workflow_id)
      .filter(({ sha, event }) => asked("head_sha", sha) && asked("event", event))
      .toReversed()
      .map((run) => runBody(base, repository, run));
    return found({ total_count: runs.length, workflow_runs: runs }, "workflow_runs");
  }),
};

/**
 * GitHub's guide "Creating custom deployment protection rules": a status report has up to so many characters, and there are up to so many
 * of them. Its API description names neither; what it answers above them, and whether a decision counts, is a guess on the strict side.
 */
const [longestReport, mostReports] = [1_024, 10];

const ruleRoutes: Readonly<Record<string, Route>> = {
  [`POST ${r}/actions/runs/{run_id}/deployment_protection_rule`]: write("deployments", ({ repository, path, body }) => {
    const { environment_name: environment, state, comment } = body;
    const rule = repository.rules.find(
      (each) => each.runId === Number(path.run_id) && each.environment === environment,
    );
    if (rule === undefined) return notFound;
    if (rule.state !== "pending") return invalid("There are no pending deployment protection rules to review");
    if (text(comment).length > longestReport) return invalid("comment is too long (maximum is 1024 characters)");
    if (rule.comments.length >= mostReports) return invalid("too many status reports");
    rule.comments.push(text(comment));
    if (state === "approved" || state === "rejected") rule.state = state;
    return { status: 204, body: undefined };
  }),
};

export const routes: Readonly<Record<string, Route>> = {
  ...commitRoutes,
  ...releaseRoutes,
  ...deploymentRoutes,
  ...issueRoutes,
  ...workflowRoutes,
  ...ruleRoutes,
};
