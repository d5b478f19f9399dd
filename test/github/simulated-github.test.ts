/** The SIMULATED GitHub itself, asked by the real octokit: its answers fit GitHub's official description, and so must the questions. */
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { installed } from "../heavy/installed.ts";
import { type Description, officialDescription } from "./description.ts";
import { simulatedApp } from "./keys.ts";
import { type SimulatedGithub, simulatedGithub } from "./simulated-github.ts";
import { checkOn, commitTo, emptyRepository } from "./world.ts";

const folder = await installed("github-openapi");
const here = { owner: "acme", repo: "shop" };
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe.skipIf(folder === undefined)("a simulated GitHub", () => {
  let description: Description;
  const opened: SimulatedGithub[] = [];
  beforeAll(async () => {
    description = await officialDescription(folder ?? "");
  });
  afterEach(async () => {
    for (const github of opened.splice(0)) await github[Symbol.asyncDispose]();
  });

  async function opening(change: Partial<Parameters<typeof simulatedGithub>[0]> = {}) {
    const repository = emptyRepository("acme", "shop");
    const sha = commitTo(repository, "first");
    const github = await simulatedGithub({ description, repository, ...change });
    opened.push(github);
    github.tokens.set("ghp_all", { kind: "classic", login: "ada", scopes: ["repo"] });
    const octokit = new Octokit({ auth: "ghp_all", baseUrl: github.url, log: quiet });
    return { github, repository, octokit, sha };
  }

  test("every list of the real client fits the official description and comes in pages", async () => {
    const { octokit, repository, sha, github } = await opening();
    for (let n = 0; n < 5; n++) checkOn(repository, sha, `check ${n}`, n === 0 ? null : "success");

    const { data, headers } = await octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
      ...here,
      ref: sha,
      per_page: 3,
    });
    await octokit.request("POST /repos/{owner}/{repo}/issues", { ...here, title: "x", labels: ["a"] });
    const issues = await octokit.request("GET /repos/{owner}/{repo}/issues", { ...here, labels: "a" });

    expect(data.check_runs).toHaveLength(3);
    expect(headers.link).toContain('rel="next"');
    expect(issues.data.map(({ title }) => title)).toEqual(["x"]);
    expect(github.violations).toEqual([]);
  });

  test("every operation that it knows answers as the description says", async () => {
    const { octokit, repository, sha, github } = await opening();
    const next = commitTo(repository, "second\r\n\r\nümläut", { login: null });
    repository.refs.set("tags/v1.0.0", { sha, annotated: true });
    repository.workflows.push("e2e.yml");
    const ask = (route: string, more: object = {}) => octokit.request(route, { ...here, ...more });

    await ask("GET /repos/{owner}/{repo}/git/ref/{ref}", { ref: "tags/v1.0.0" });
    await ask("GET /repos/{owner}/{repo}/commits/{ref}", { ref: "v1.0.0" });
    await ask("GET /repos/{owner}/{repo}/compare/{basehead}", { basehead: `v1.0.0...${next}` });
    await ask("POST /repos/{owner}/{repo}/statuses/{sha}", { sha, state: "success", context: "sluice/production" });
    await ask("GET /repos/{owner}/{repo}/commits/{ref}/statuses", { ref: sha });
    await ask("POST /repos/{owner}/{repo}/releases/generate-notes", { tag_name: "v1.0.0" });
    const release = await ask("POST /repos/{owner}/{repo}/releases", { tag_name: "v1.0.0", body: "b" });
    await ask("PATCH /repos/{owner}/{repo}/releases/{release_id}", { release_id: release.data.id, body: "c" });
    await ask("GET /repos/{owner}/{repo}/releases/tags/{tag}", { tag: "v1.0.0" });
    await ask("GET /repos/{owner}/{repo}/releases");
    const made = await ask("POST /repos/{owner}/{repo}/deployments", { ref: sha, environment: "production" });
    const deployment_id = made.data.id;
    await ask("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", { deployment_id, state: "success" });
    await ask("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", { deployment_id });
    await ask("GET /repos/{owner}/{repo}/deployments", { sha });
    const { data } = await ask("POST /repos/{owner}/{repo}/issues", { title: "x" });
    await ask("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number: data.number, body: "c" });
    await ask("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number: data.number });
    await ask("PATCH /repos/{owner}/{repo}/issues/{issue_number}", { issue_number: data.number, state: "closed" });
    const dispatch = { workflow_id: "e2e.yml", ref: "main", inputs: { a: "b" } };
    await ask("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", dispatch);
    await ask("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", { workflow_id: "e2e.yml" });

    expect(github.violations).toEqual([]);
  });

  test("a request that GitHub's description does not allow is refused and held against the caller", async () => {
    const { octokit, github } = await opening();

    const asked = octokit.request("POST /repos/{owner}/{repo}/issues", { ...here, title: "x", lables: ["a"] });

    await expect(asked).rejects.toMatchObject({ status: 422 });
    expect(github.violations.splice(0)).toEqual([expect.stringContaining("body.lables is not described")]);
  });

  test("an App's JWT is verified, and its installation token ends", async () => {
    const app = simulatedApp({ issues: "read" });
    const { github } = await opening({ app });
    const auth = { appId: app.id, privateKey: app.privateKey, installationId: app.installation };
    const octokit = new Octokit({ authStrategy: createAppAuth, auth, baseUrl: github.url, log: quiet });

    await octokit.request("GET /repos/{owner}/{repo}/issues", here);
    const writing = octokit.request("POST /repos/{owner}/{repo}/issues", { ...here, title: "x" });
    await expect(writing).rejects.toMatchObject({
      status: 403,
      response: { headers: { "x-accepted-github-permissions": "issues=write" } },
    });
    const forged = { ...auth, privateKey: simulatedApp({}).privateKey };
    const other = new Octokit({ authStrategy: createAppAuth, auth: forged, baseUrl: github.url, log: quiet });
    await expect(other.request("GET /repos/{owner}/{repo}/issues", here)).rejects.toMatchObject({ status: 401 });
  });
});
