/** Against a SIMULATED GitHub (test/github) behind the real adapter. */
import { describe, expect, test } from "vitest";
import { closeAfterEach, hasDescription, type Opened, openGithub } from "../../test/github/opened.ts";
import { commitTo } from "../../test/github/world.ts";
import { githubForge } from "../adapters/github/forge.ts";
import type { Release } from "../domain/release.ts";
import type { Serving } from "../domain/serving.ts";
import { realClock } from "../testing/real-clock.ts";
import { changeList } from "./change-list.ts";
import type { Parts } from "./parts.ts";

const never = new AbortController().signal;

/** The commits of the simulated repository as git would tell them. */
const partsOf = ({ repository, options }: Opened): Parts =>
  ({
    clock: realClock(),
    forge: githubForge({ ...options, patienceMs: 0, timeoutMs: 2_000 }),
    source: {
      changes: async (from: string | undefined) => {
        const commits = [...repository.commits.values()].toReversed();
        const until = commits.findIndex(({ sha }) => sha === from);
        return commits.slice(0, until < 0 ? undefined : until).map(({ sha, author, email, message, atMs }) => ({
          ...{ sha, author, authorEmail: email, subject: message.split("\n")[0] ?? "", committedAtMs: atMs },
        }));
      },
    },
  }) as unknown as Parts;

const releaseOf = (commit: string, name = "v1.1.0"): Release => ({
  ...{ version: name, ref: { kind: "tag", name }, commit, author: "Bob", authorEmail: "bob@example.com" },
  ...{ subject: "", committedAtMs: 0 },
});

const servingAt = (commit: string) => ({ commit }) as Serving;

describe.skipIf(!hasDescription)("P1 the change list of a plan with GitHub (simulated)", () => {
  closeAfterEach();

  async function twoMore() {
    const opened = await openGithub();
    const { repository, sha } = opened;
    const second = commitTo(repository, "Sell more\r\n\r\nCo-authored-by: x", { author: "Bob", login: "bob" });
    const third = commitTo(repository, "Für 负载", { author: "Eve", login: null });
    repository.refs.set("tags/v1.1.0", { sha: third, annotated: true });
    repository.pulls.push({ number: 7, title: "More", by: "carol", commits: [second] });
    return { opened, release: releaseOf(third), serving: servingAt(sha), second, third };
  }

  test("P1 commits, accounts and pull requests are named, and the tag at the forge", async () => {
    const { opened, release, serving, second, third } = await twoMore();

    const { changes, atForge } = await changeList(partsOf(opened), { release, serving }, never);

    expect(changes).toMatchObject([
      { sha: third, author: "Eve", authorEmail: "eve@example.com", account: null, pullRequests: [] },
      { sha: second, account: "bob", pullRequests: [{ number: 7, title: "More", account: "carol" }] },
    ]);
    expect(changes.map(({ subject }) => subject)).toEqual(["Für 负载", "Sell more\r"]);
    const tag = { commit: third, release: null };
    expect(atForge).toEqual({ kind: "github", repository: "acme/shop", tag, lacking: null });
  });

  test("P1 a forge that is away leaves git's list, and the plan says what is lacking", async () => {
    const { opened, release, serving, third } = await twoMore();
    opened.github.faults.push({ status: 503, times: 1000 });

    const { changes, atForge } = await changeList(partsOf(opened), { release, serving }, never);

    expect(changes[0]).toEqual({ sha: third, author: "Eve", authorEmail: "eve@example.com", subject: "Für 负载" });
    expect(atForge?.lacking).toContain("answered 503");
    expect(atForge?.tag).toBeUndefined();
  });

  test("P1 what was heard before it fell silent stays", async () => {
    const { opened, release, serving } = await twoMore();
    opened.github.faults.push({
      route: "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls",
      status: 500,
      times: 99,
    });

    const { changes, atForge } = await changeList(partsOf(opened), { release, serving }, never);

    expect(changes.map(({ account }) => account)).toEqual([null, "bob"]);
    expect(changes.map(({ pullRequests }) => pullRequests)).toEqual([undefined, undefined]);
    expect(atForge?.lacking).toContain("pull requests of acme/shop");
  });

  test("P1 a commit that was never pushed stays in the list", async () => {
    const { opened, serving } = await twoMore();
    const unknown = "e".repeat(40);

    const { changes, atForge } = await changeList(partsOf(opened), { release: releaseOf(unknown), serving }, never);

    expect(changes).toHaveLength(2);
    expect(atForge?.lacking).toContain("GitHub knows no commits of acme/shop");
  });
});
