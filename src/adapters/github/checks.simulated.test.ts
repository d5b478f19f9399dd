/** Against a SIMULATED GitHub (test/github), which holds each request and answer against GitHub's official description. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { simulatedApp } from "../../../test/github/keys.ts";
import { closeAfterEach, hasDescription, type Opened, openGithub, token } from "../../../test/github/opened.ts";
import { checkOn, commitTo, nextId } from "../../../test/github/world.ts";
import type { RequiredCheck } from "../../domain/required-checks.ts";
import { Secret } from "../../domain/secret.ts";
import { refusingPort } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { forgeCiGate } from "../forge/ci-gate.ts";
import type { GithubOptions } from "./client.ts";
import { githubForge } from "./forge.ts";

const never = new AbortController().signal;
const required = (...names: string[]): readonly RequiredCheck[] =>
  names.map((name) => ({ kind: "app", name, app: "github-actions" }));

const gate = (options: GithubOptions, names: readonly string[] = ["lint", "test"], timeoutMs = 300) =>
  forgeCiGate({
    forge: githubForge(options),
    required: required(...names),
    clock: realClock(),
    timeoutMs,
    askEveryMs: 50,
  });

/** The error that asking ends with. */
async function errorOf(options: GithubOptions, sha: string): Promise<Error> {
  const thrown = await githubForge(options)
    .checks(sha, never)
    .catch((error: unknown) => error);
  expect(inspect(thrown, { depth: 9, showHidden: true })).not.toContain("s3cr3t");
  return thrown as Error;
}

describe.skipIf(!hasDescription)("the checks of a commit at GitHub (simulated)", () => {
  closeAfterEach();

  test("T7 T4 all required checks of exactly this commit passed", async () => {
    const { options, repository, sha } = await openGithub();
    checkOn(repository, sha, "lint", "success");
    checkOn(repository, sha, "test", "success");
    checkOn(repository, sha, "not asked for", "failure");

    const answer = await gate(options).passed(sha, never);

    expect(answer).toEqual({ verdict: { kind: "pass" }, detail: "2 required: lint, test" });
  });

  test("T4 a green run of another commit does not count", async () => {
    const { options, repository, sha } = await openGithub();
    const other = commitTo(repository, "Sell even more");
    for (const name of ["lint", "test"]) checkOn(repository, other, name, "success");

    const answer = await gate(options).passed(sha, never);

    expect(answer.verdict).toMatchObject({ kind: "fail", reason: expect.stringContaining("missing: lint") });
  });

  test("T7 a check of the right name from another app, or a status of that name, does not count", async () => {
    const { options, repository, sha } = await openGithub();
    checkOn(repository, sha, "lint", "success", { id: 66, slug: "evil" });
    const status = { id: nextId(), sha, context: "lint", state: "success", description: null, targetUrl: null };
    repository.statuses.push({ ...status, creator: "mallory", atMs: 0 });

    const { verdict } = await gate(options, ["lint"]).passed(sha, never);

    expect(verdict).toMatchObject({
      kind: "fail",
      reason: expect.stringMatching(/app evil \(66\).*status by mallory/),
    });
  });

  test("T7 a running check is waited for, and passes or fails by what it becomes", async () => {
    const { options, repository, sha, github } = await openGithub();
    checkOn(repository, sha, "lint", null);
    const asked = gate(options, ["lint"], 10_000).passed(sha, never);
    await expect.poll(() => github.asked.length, { timeout: 120_000 }).toBeGreaterThan(1);
    checkOn(repository, sha, "lint", "success");

    expect((await asked).verdict).toEqual({ kind: "pass" });
  });

  test("T7 a check that still runs at the limit is not known; one that was skipped checked nothing", async () => {
    const { options, repository, sha } = await openGithub();
    checkOn(repository, sha, "lint", null);
    checkOn(repository, sha, "test", "skipped");

    expect((await gate(options, ["lint"]).passed(sha, never)).verdict).toMatchObject({ kind: "unknown" });
    expect((await gate(options, ["test"]).passed(sha, never)).verdict).toEqual({
      kind: "fail",
      reason: "test: skipped",
    });
  });

  test("T7 a check that was run again counts by its newest run", async () => {
    const { options, repository, sha } = await openGithub();
    checkOn(repository, sha, "lint", "success");
    expect((await gate(options, ["lint"]).passed(sha, never)).verdict.kind).toBe("pass");

    checkOn(repository, sha, "lint", "failure");

    expect((await gate(options, ["lint"]).passed(sha, never)).verdict).toEqual({
      kind: "fail",
      reason: "lint: failure",
    });
  });

  test("T7 of several hundred checks none is overlooked", async () => {
    const { options, repository, sha } = await openGithub();
    for (let n = 0; n < 230; n++) checkOn(repository, sha, `shard ${n}`, n === 0 ? "failure" : "success");

    const { verdict } = await gate(options, ["shard 0", "shard 229"]).passed(sha, never);

    expect(verdict).toEqual({ kind: "fail", reason: "shard 0: failure" });
  });

  test("T4 rate limits and 5xx are tried again within a bound, and then it is not known", async () => {
    const { options, repository, sha, github } = await openGithub();
    checkOn(repository, sha, "lint", "success");
    github.faults.push({ status: 502 }, { status: 429, headers: { "retry-after": "1" } });
    expect((await gate(options, ["lint"], 60_000).passed(sha, never)).verdict).toEqual({ kind: "pass" });

    github.faults.push({ status: 503, times: 1000 });
    const impatient = { ...options, patienceMs: 100 };
    const { verdict } = await gate(impatient, ["lint"]).passed(sha, never);
    expect(verdict).toMatchObject({ kind: "unknown", reason: expect.stringContaining("answered 503") });
  });

  test("T4 a used-up quota is told with its end, and is not known", async () => {
    const { options, sha, github } = await openGithub();
    github.quota = { left: 0, resetAtMs: Date.now() + 3_600_000 };

    const { verdict } = await gate(options, ["lint"]).passed(sha, never);

    expect(verdict).toMatchObject({
      kind: "unknown",
      reason: expect.stringMatching(/rate limit is used up until 20\d\d-/),
    });
  });

  test("T4 a GitHub that hangs or is away is not known", async () => {
    const { options, sha, github } = await openGithub();
    github.faults.push({ silent: true, times: 1000 });
    const hasty = { ...options, timeoutMs: 100, patienceMs: 200 };
    const away = { ...hasty, url: `http://127.0.0.1:${await refusingPort()}` };

    expect((await gate(hasty).passed(sha, never)).verdict).toMatchObject({ kind: "unknown" });
    expect((await gate(away).passed(sha, never)).verdict).toMatchObject({ kind: "unknown" });
  });

  test("K1 a token that may not is refused with the name of the permission or scope it lacks", async () => {
    const fine = await openGithub({ grant: { kind: "fine-grained", login: "a", permissions: { contents: "read" } } });
    const classic = await openGithub({ grant: { kind: "classic", login: "a", scopes: ["read:org"] } });

    expect((await errorOf(fine.options, fine.sha)).message).toContain(
      "checks of acme/shop takes the permission checks=read",
    );
    expect((await errorOf(classic.options, classic.sha)).message).toContain("the scope repo; it has read:org");
  });

  test("K1 a wrong token, a repository of another name and a redirect are refused, and no error shows the token", async () => {
    const { options, sha, github } = await openGithub();
    const wrong = { kind: "token", token: new Secret("GITHUB_TOKEN", `${token}x`) } as const;

    expect((await errorOf({ ...options, auth: wrong }, sha)).message).toContain("Bad credentials");
    expect((await errorOf({ ...options, repository: "acme/other" }, sha)).message).toContain("knows no checks");
    github.faults.push({ status: 301, headers: { location: "https://elsewhere.example/x" } });
    expect((await errorOf(options, sha)).message).toContain("redirects to https://elsewhere.example");
    expect(github.asked.length).toBeGreaterThan(0);
  });

  describe("as an App", () => {
    async function asApp(
      change: { readonly aheadMs?: number; readonly installation?: number | null } = {},
    ): Promise<Opened> {
      const app = simulatedApp({ checks: "read", statuses: "read" });
      const opened = await openGithub({ app });
      opened.github.aheadMs = change.aheadMs ?? 0;
      const privateKey = new Secret("GITHUB_APP_KEY", app.privateKey);
      const { installation = app.installation } = change;
      const auth = { kind: "app", id: app.id, installation, privateKey } as const;
      return { ...opened, options: { ...opened.options, auth } };
    }

    test("K1 a signed JWT is exchanged for a token, with the installation known or asked for", async () => {
      for (const installation of [99, null]) {
        const { options, repository, sha } = await asApp({ installation });
        checkOn(repository, sha, "lint", "success");

        expect((await gate(options, ["lint"]).passed(sha, never)).verdict).toEqual({ kind: "pass" });
      }
    });

    test("K1 a clock that is wrong is found and said, whether or not the JWT is taken", async () => {
      const behind = await asApp({ aheadMs: 120_000 });
      checkOn(behind.repository, behind.sha, "lint", "success");
      const answer = await gate(behind.options, ["lint"]).passed(behind.sha, never);
      expect(answer.detail).toMatch(/this machine's clock is 1\d\d s behind the forge's/);

      const ahead = await asApp({ aheadMs: -900_000 });
      const outcome = await gate(ahead.options, ["lint"])
        .passed(ahead.sha, never)
        .then(
          ({ detail }) => detail,
          (error: Error) => error.message,
        );
      expect(outcome).toMatch(/clock is (899|900|901) s ahead of/);
    });

    test("K1 a key that is none is refused before anything is sent", async () => {
      const { options, sha, github } = await asApp();
      const auth = {
        ...options.auth,
        privateKey: new Secret("GITHUB_APP_KEY", "s3cr3t no PEM"),
      } as GithubOptions["auth"];

      expect((await errorOf({ ...options, auth }, sha)).message).toContain("could not be asked");
      expect(github.asked).toEqual([]);
    });
  });

  test("T7 GitHub Enterprise Server is asked below /api/v3, by its own description", async () => {
    const { options, repository, sha } = await openGithub({ enterprise: true });
    checkOn(repository, sha, "lint", "success");

    expect(options.url).toMatch(/\/api\/v3$/);
    expect((await gate(options, ["lint"]).passed(sha, never)).verdict).toEqual({ kind: "pass" });
  });

  test("a cancelled question is no answer", async () => {
    const { options, sha } = await openGithub();

    await expect(gate(options, ["lint"], 60_000).passed(sha, AbortSignal.timeout(300))).rejects.toThrow("timeout");
  });
});
