/** Against a SIMULATED GitHub (test/github), which holds each request and answer against GitHub's official description. */
import { describe, expect, test } from "vitest";
import { closeAfterEach, hasDescription, openGithub } from "../../../test/github/opened.ts";
import { commitTo } from "../../../test/github/world.ts";
import { githubForge } from "./forge.ts";

const never = new AbortController().signal;

describe.skipIf(!hasDescription)("commits and tags at GitHub (simulated)", () => {
  closeAfterEach();

  test("T5 the accounts of what one commit has and another has not, newest first", async () => {
    const { options, repository, sha } = await openGithub();
    const second = commitTo(repository, "Sell more", { author: "Bob", login: "bob" });
    const third = commitTo(repository, "Sell even more", { author: "Somebody", login: null });

    const forge = githubForge(options);

    expect(await forge.commits(sha, third, 200, never)).toEqual([
      { sha: third, account: null },
      { sha: second, account: "bob" },
    ]);
    expect(await forge.commits(sha, third, 1, never)).toEqual([{ sha: third, account: null }]);
    expect(await forge.commits(third, sha, 200, never)).toEqual([]);
    expect((await forge.commits(undefined, third, 2, never)).map((each) => each.sha)).toEqual([third, second]);
  });

  test("T5 of several hundred commits none is overlooked", async () => {
    const { options, repository, sha } = await openGithub();
    for (let n = 0; n < 230; n++) commitTo(repository, `change ${n}`);
    const last = repository.refs.get("heads/main")?.sha ?? "";

    const commits = await githubForge(options).commits(sha, last, 225, never);

    expect(commits).toHaveLength(225);
    expect(commits[0]?.sha).toBe(last);
  });

  test("T5 the pull request that brought a commit, its title on one line and harmless", async () => {
    const { options, repository, sha } = await openGithub();
    repository.pulls.push({ number: 12, title: "Sell\r\n\u001b[31m::error::mehr für 负载", by: "bob", commits: [sha] });

    const forge = githubForge(options);

    expect(await forge.pullRequests(sha, never)).toEqual([
      { number: 12, title: "Sell : :error::mehr für 负载", account: "bob" },
    ]);
  });

  test("T5 a tag with its release, one without, an annotated one with slash and umlaut, and none", async () => {
    const { options, repository, sha, github } = await openGithub();
    const forge = githubForge(options);
    repository.refs.set("tags/v1.0.0", { sha, annotated: true });
    repository.refs.set("tags/web/v1-für", { sha, annotated: false });
    repository.releases.push({
      ...{ id: 5, tag: "v1.0.0", commitish: "main", name: "Spring\nsale", body: "", draft: false, prerelease: false },
      atMs: 0,
    });

    expect(await forge.tag("v1.0.0", never)).toEqual({ commit: sha, release: { name: "Spring sale", account: "ada" } });
    expect(await forge.tag("web/v1-für", never)).toEqual({ commit: sha, release: null });
    expect(await forge.tag("v9.9.9", never)).toBeUndefined();
    expect(github.violations).toEqual([]);
  });

  test("K1 without the permission to see pull requests it is named", async () => {
    const permissions = { contents: "read" } as const;
    const { options, sha } = await openGithub({ grant: { kind: "fine-grained", login: "a", permissions } });

    await expect(githubForge(options).pullRequests(sha, never)).rejects.toMatchObject({
      failure: { message: expect.stringContaining("takes the permission pull_requests=read") },
    });
  });
});
