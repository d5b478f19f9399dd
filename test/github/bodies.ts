/** The simulated GitHub's objects as its API shows them: every key that the official description demands. */
import type {
  SimulatedCheckRun,
  SimulatedCommit,
  SimulatedDeployment,
  SimulatedIssue,
  SimulatedPull,
  SimulatedRelease,
  SimulatedRepository,
  SimulatedRun,
  SimulatedStatus,
} from "./world.ts";

const stamp = "2026-11-20T12:00:00Z";
const time = (atMs: number): string => new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");

/** Where the API and the pages are. */
export interface Base {
  readonly api: string;
  readonly html: string;
}

const urls = (base: string, names: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(names).map(([key, path]) => [key, `${base}${path}`]));

const repositoryUrl = (base: Base, { owner, name }: SimulatedRepository): string =>
  `${base.api}/repos/${owner}/${name}`;
const pageUrl = (base: Base, { owner, name }: SimulatedRepository): string => `${base.html}/${owner}/${name}`;

export function userBody(base: Base, login: string) {
  const paths = ["followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events"];
  return {
    login,
    id: [...login].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 1_000_000,
    node_id: `U_${login}`,
    avatar_url: `${base.html}/${encodeURIComponent(login)}.png`,
    gravatar_id: "",
    url: `${base.api}/users/${encodeURIComponent(login)}`,
    html_url: `${base.html}/${encodeURIComponent(login)}`,
    ...urls(
      `${base.api}/users/${encodeURIComponent(login)}/`,
      Object.fromEntries(paths.map((at) => [`${at}_url`, at])),
    ),
    received_events_url: `${base.api}/users/${encodeURIComponent(login)}/received_events`,
    type: login.endsWith("[bot]") ? "Bot" : "User",
    site_admin: false,
  };
}

export const appBody = (base: Base, { id, slug }: SimulatedCheckRun["app"]) => ({
  id,
  slug,
  node_id: `A_${id}`,
  owner: userBody(base, "github"),
  name: slug,
  description: "",
  external_url: base.html,
  html_url: `${base.html}/apps/${slug}`,
  created_at: stamp,
  updated_at: stamp,
  permissions: { checks: "write" },
  events: [],
});

export function commitBody(base: Base, repository: SimulatedRepository, commit: SimulatedCommit) {
  const url = `${repositoryUrl(base, repository)}/commits/${commit.sha}`;
  const signature = { name: commit.author, email: commit.email, date: time(commit.atMs) };
  const who = commit.login === null ? null : userBody(base, commit.login);
  return {
    url,
    sha: commit.sha,
    node_id: `C_${commit.sha}`,
    html_url: `${pageUrl(base, repository)}/commit/${commit.sha}`,
    comments_url: `${url}/comments`,
    commit: {
      url,
      author: signature,
      committer: signature,
      message: commit.message,
      comment_count: 0,
      tree: { sha: commit.sha, url },
    },
    author: who,
    committer: who,
    parents: commit.parent === null ? [] : [{ sha: commit.parent, url, html_url: url }],
  };
}

export function checkRunBody(base: Base, repository: SimulatedRepository, run: SimulatedCheckRun) {
  const url = `${repositoryUrl(base, repository)}/check-runs/${run.id}`;
  return {
    id: run.id,
    node_id: `CR_${run.id}`,
    head_sha: run.sha,
    name: run.name,
    url,
    html_url: `${pageUrl(base, repository)}/runs/${run.id}`,
    details_url: `${pageUrl(base, repository)}/runs/${run.id}`,
    external_id: "",
    status: run.status,
    conclusion: run.conclusion,
    started_at: time(run.startedAtMs),
    completed_at: run.conclusion === null ? null : time(run.startedAtMs),
    check_suite: { id: run.app.id },
    output: { title: null, summary: null, text: null, annotations_count: 0, annotations_url: `${url}/annotations` },
    app: appBody(base, run.app),
    pull_requests: [],
  };
}

export const statusBody = (base: Base, repository: SimulatedRepository, status: SimulatedStatus) => ({
  url: `${repositoryUrl(base, repository)}/statuses/${status.sha}`,
  avatar_url: null,
  id: status.id,
  node_id: `S_${status.id}`,
  state: status.state,
  description: status.description,
  target_url: status.targetUrl,
  context: status.context,
  created_at: time(status.atMs),
  updated_at: time(status.atMs),
  creator: userBody(base, status.creator),
});

export function releaseBody(base: Base, repository: SimulatedRepository, release: SimulatedRelease) {
  const url = `${repositoryUrl(base, repository)}/releases/${release.id}`;
  return {
    ...urls(url, { url: "", assets_url: "/assets", upload_url: "/upload", tarball_url: "/tar", zipball_url: "/zip" }),
    html_url: `${pageUrl(base, repository)}/releases/tag/${encodeURIComponent(release.tag)}`,
    id: release.id,
    node_id: `R_${release.id}`,
    tag_name: release.tag,
    target_commitish: release.commitish,
    name: release.name,
    body: release.body,
    draft: release.draft,
    prerelease: release.prerelease,
    created_at: time(release.atMs),
    published_at: release.draft ? null : time(release.atMs),
    author: userBody(base, "ada"),
    assets: [],
  };
}

export function deploymentBody(base: Base, repository: SimulatedRepository, deployment: SimulatedDeployment) {
  const url = `${repositoryUrl(base, repository)}/deployments/${deployment.id}`;
  return {
    url,
    id: deployment.id,
    node_id: `D_${deployment.id}`,
    sha: deployment.sha,
    ref: deployment.ref,
    task: "deploy",
    payload: deployment.payload,
    original_environment: deployment.environment,
    environment: deployment.environment,
    description: deployment.description,
    creator: userBody(base, "sluice[bot]"),
    created_at: stamp,
    updated_at: stamp,
    statuses_url: `${url}/statuses`,
    repository_url: repositoryUrl(base, repository),
    production_environment: deployment.production,
  };
}

export function deploymentStatusBody(
  base: Base,
  repository: SimulatedRepository,
  deployment: SimulatedDeployment,
  status: SimulatedDeployment["statuses"][number],
) {
  const url = `${repositoryUrl(base, repository)}/deployments/${deployment.id}`;
  return {
    url: `${url}/statuses/${status.id}`,
    id: status.id,
    node_id: `DS_${status.id}`,
    state: status.state,
    creator: userBody(base, "sluice[bot]"),
    description: status.description,
    environment: deployment.environment,
    target_url: status.logUrl || url,
    ...(status.environmentUrl && { environment_url: status.environmentUrl }),
    ...(status.logUrl && { log_url: status.logUrl }),
    created_at: stamp,
    updated_at: stamp,
    deployment_url: url,
    repository_url: repositoryUrl(base, repository),
  };
}

export function issueBody(base: Base, repository: SimulatedRepository, issue: SimulatedIssue) {
  const url = `${repositoryUrl(base, repository)}/issues/${issue.number}`;
  return {
    ...urls(url, { url: "", comments_url: "/comments", events_url: "/events", labels_url: "/labels{/name}" }),
    repository_url: repositoryUrl(base, repository),
    html_url: `${pageUrl(base, repository)}/issues/${issue.number}`,
    id: issue.number,
    node_id: `I_${issue.number}`,
    number: issue.number,
    title: issue.title,
    body: issue.body,
    user: userBody(base, issue.by),
    labels: issue.labels.map((name) => ({ id: 1, node_id: "L", url, name, color: "ededed", default: false })),
    state: issue.state,
    state_reason: issue.reason,
    locked: false,
    assignee: null,
    assignees: [],
    milestone: null,
    comments: issue.comments.length,
    created_at: stamp,
    updated_at: stamp,
    closed_at: issue.state === "closed" ? stamp : null,
    author_association: "NONE",
  };
}

export function commentBody(
  base: Base,
  repository: SimulatedRepository,
  issue: SimulatedIssue,
  { id, body, by }: SimulatedIssue["comments"][number],
) {
  const url = `${repositoryUrl(base, repository)}/issues/comments/${id}`;
  return {
    id,
    node_id: `IC_${id}`,
    url,
    html_url: `${pageUrl(base, repository)}/issues/${issue.number}#issuecomment-${id}`,
    issue_url: `${repositoryUrl(base, repository)}/issues/${issue.number}`,
    body,
    user: userBody(base, by),
    created_at: stamp,
    updated_at: stamp,
    author_association: "NONE",
  };
}

export const installationBody = (base: Base, id: number, app: SimulatedCheckRun["app"], owner: string) => ({
  id,
  app_id: app.id,
  app_slug: app.slug,
  target_id: 1,
  target_type: "Organization",
  single_file_name: null,
  repository_selection: "selected",
  access_tokens_url: `${base.api}/app/installations/${id}/access_tokens`,
  html_url: `${base.html}/organizations/${owner}/settings/installations/${id}`,
  repositories_url: `${base.api}/installation/repositories`,
  events: [],
  account: userBody(base, owner),
  permissions: { checks: "read" },
  created_at: stamp,
  updated_at: stamp,
  suspended_by: null,
  suspended_at: null,
});

const minimalRepository = (base: Base, repository: SimulatedRepository) => {
  const url = repositoryUrl(base, repository);
  const paths =
    "archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees";
  return {
    ...urls(`${url}/`, Object.fromEntries(paths.split(" ").map((path) => [`${path}_url`, path]))),
    id: 1,
    node_id: "R_1",
    name: repository.name,
    full_name: `${repository.owner}/${repository.name}`,
    owner: userBody(base, repository.owner),
    private: false,
    html_url: pageUrl(base, repository),
    description: null,
    fork: false,
    url,
    hooks_url: `${url}/hooks`,
  };
};

export function runBody(base: Base, repository: SimulatedRepository, run: SimulatedRun) {
  const url = `${repositoryUrl(base, repository)}/actions/runs/${run.id}`;
  const names = "jobs logs cancel rerun artifacts";
  return {
    ...urls(`${url}/`, Object.fromEntries(names.split(" ").map((path) => [`${path}_url`, path]))),
    id: run.id,
    node_id: `WR_${run.id}`,
    head_branch: run.ref,
    head_sha: run.sha,
    path: `.github/workflows/${run.workflow}`,
    display_title: run.workflow,
    run_number: 1,
    event: run.event,
    status: "queued",
    conclusion: null,
    workflow_id: 1,
    url,
    html_url: `${pageUrl(base, repository)}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: time(run.atMs),
    updated_at: time(run.atMs),
    check_suite_url: url,
    workflow_url: `${repositoryUrl(base, repository)}/actions/workflows/1`,
    head_commit: null,
    repository: minimalRepository(base, repository),
    head_repository: minimalRepository(base, repository),
  };
}

const zero = (names: string) => Object.fromEntries(names.split(" ").map((name) => [name, 0]));
const no = (names: string) => Object.fromEntries(names.split(" ").map((name) => [name, false]));

export const wholeRepository = (base: Base, repository: SimulatedRepository) => {
  const page = pageUrl(base, repository);
  return {
    ...minimalRepository(base, repository),
    ...{ clone_url: `${page}.git`, git_url: `${page}.git`, ssh_url: `${page}.git`, svn_url: page, mirror_url: null },
    ...zero("forks forks_count open_issues open_issues_count size stargazers_count watchers watchers_count"),
    ...no("has_downloads has_issues has_projects has_wiki has_pages archived disabled"),
    ...{ homepage: null, language: null, license: null, default_branch: "main" },
    ...{ pushed_at: stamp, created_at: stamp, updated_at: stamp },
  };
};

export function pullBody(base: Base, repository: SimulatedRepository, pull: SimulatedPull) {
  const url = `${repositoryUrl(base, repository)}/pulls/${pull.number}`;
  const page = `${pageUrl(base, repository)}/pull/${pull.number}`;
  const user = userBody(base, pull.by);
  const side = (ref: string, sha: string) => {
    return { label: `${repository.owner}:${ref}`, ref, sha, user, repo: wholeRepository(base, repository) };
  };
  const links = "comments commits statuses html issue review_comments review_comment self".split(" ");
  const [first = ""] = pull.commits;
  return {
    ...{ url, html_url: page, diff_url: `${page}.diff`, patch_url: `${page}.patch`, issue_url: url },
    ...urls(`${url}/`, {
      commits_url: "commits",
      review_comments_url: "comments",
      review_comment_url: "comments{/number}",
      comments_url: "issue-comments",
      statuses_url: "statuses",
    }),
    _links: Object.fromEntries(links.map((link) => [link, { href: url }])),
    ...{ id: pull.number, node_id: `PR_${pull.number}`, number: pull.number, title: pull.title, body: null, user },
    ...{ state: "closed", locked: false, labels: [], milestone: null, assignee: null, auto_merge: null },
    ...{ created_at: stamp, updated_at: stamp, closed_at: stamp, merged_at: stamp, merge_commit_sha: first },
    ...{ head: side("topic", pull.commits.at(-1) ?? ""), base: side("main", first), author_association: "MEMBER" },
  };
}
