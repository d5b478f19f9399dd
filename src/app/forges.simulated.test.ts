/** From sluice.yaml to an answer of a SIMULATED GitHub (test/github). */
import { describe, expect, test } from "vitest";
import { closeAfterEach, hasDescription, openGithub, token } from "../../test/github/opened.ts";
import { checkOn } from "../../test/github/world.ts";
import { loadConfiguration } from "../config/load.ts";
import { resolveEnvironment } from "../config/resolve.ts";
import type { Notification } from "../domain/notification.ts";
import { Secret } from "../domain/secret.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { realClock } from "../testing/real-clock.ts";
import { ciGateFor, forgeFor } from "./forges.ts";
import { notifiersFor } from "./notifiers.ts";
import { secretLookup } from "./secret-lookup.ts";

const clock = realClock();
const never = new AbortController().signal;

function settingsOf(github: string, ci: string): EnvironmentSettings {
  const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
secrets: { GITHUB_TOKEN: { env: GITHUB_TOKEN } }
${github}
environments: { production: { policy: standard, checks: { ci: block }, ci: ${ci}, approvals: { required: 0 } } }
`;
  const readFile = (): string => "";
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile });
}

describe.skipIf(!hasDescription)("the CI gate of an environment", () => {
  closeAfterEach();

  test("T7 T4 the checks that the configuration names are asked of the repository that it names", async () => {
    const { options, repository, sha } = await openGithub();
    const github = `github: { repository: acme/shop, url: "${options.url}", token: { secret: GITHUB_TOKEN } }`;
    const settings = settingsOf(github, "{ checks: [lint, { name: scan, app: 77 }], timeout: 50ms }");
    const resolve = secretLookup(new Map([["GITHUB_TOKEN", new Secret("GITHUB_TOKEN", token)]]));
    const gate = ciGateFor(settings, forgeFor(settings, resolve, clock), { clock, cwd: "/", secrets: new Map() });
    checkOn(repository, sha, "lint", "success");
    checkOn(repository, sha, "scan", "success");

    const before = await gate?.passed(sha, never);
    checkOn(repository, sha, "scan", "success", { id: 77, slug: "scanner" });
    const after = await gate?.passed(sha, never);

    expect(before?.verdict).toMatchObject({ kind: "fail", reason: expect.stringContaining("app 77") });
    expect(after?.verdict).toEqual({ kind: "pass" });
  });

  test("F1 a missing token keeps nothing from being wired, and is named when it is used", async () => {
    const github = "github: { repository: acme/shop, token: { secret: GITHUB_TOKEN } }";
    const settings = settingsOf(github, "{ checks: [lint] }");
    const forge = forgeFor(settings, secretLookup(new Map()), clock);
    const gate = ciGateFor(settings, forge, { clock, cwd: "/", secrets: new Map() });

    await expect(gate?.passed("a".repeat(40), never)).rejects.toMatchObject({ failure: { code: "SECRET_MISSING" } });
  });
});

describe.skipIf(!hasDescription)("a channel of the kind github", () => {
  closeAfterEach();

  test("N2 it tells the repository that the configuration names, with the report", async () => {
    const { options, repository, sha } = await openGithub();
    const github = `github: { repository: acme/shop, url: "${options.url}", token: { secret: GITHUB_TOKEN } }
notify: { github: { kind: github, labels: [broken] } }`;
    const settings = settingsOf(github, "{ checks: [lint] }");
    const resolve = secretLookup(new Map([["GITHUB_TOKEN", new Secret("GITHUB_TOKEN", token)]]));
    const [channel] = notifiersFor(settings, resolve, clock);
    const notification: Notification = {
      ...{ kind: "failed", atMs: 0, project: "shop", environment: "production", environmentUrl: null },
      ...{ deploymentId: "1-abc", version: "v1.0.0", commit: sha, title: "It failed", message: "No.", next: "sluice" },
      ...{ backup: null, rollbackMinutesLeft: null, report: "# The report of 1-abc" },
    };

    await channel?.tell(notification, "1-abc/failed", never);

    expect(repository.issues).toMatchObject([{ title: "It failed", labels: ["broken"] }]);
    expect(repository.issues[0]?.body).toContain("# The report of 1-abc");
    expect(repository.deployments[0]?.statuses).toMatchObject([{ state: "failure" }]);
    expect(repository.statuses).toMatchObject([{ state: "failure", context: "sluice/production" }]);
  });
});

test.each([
  [
    "a channel without a repository",
    "notify: { github: { kind: github } }",
    "{ command: [x, '{commit}'] }",
    "no repository at GitHub",
  ],
  [
    "workflows without a candidate",
    "github: { repository: a/b, token: { secret: GITHUB_TOKEN } }\nnotify: { github: { kind: github, workflows: [a.yml] } }",
    "{ checks: [lint] }",
    "on the tag of a candidate",
  ],
  [
    "a workflow that is no file name",
    "github: { repository: a/b, token: { secret: GITHUB_TOKEN } }\nnotify: { github: { kind: github, tell: [candidates], workflows: [../x] } }",
    "{ checks: [lint] }",
    "names no workflow",
  ],
  ["checks without a repository", "", "{ checks: [lint] }", "no repository at GitHub"],
  [
    "two ways to ask",
    "github: { repository: a/b, token: { secret: GITHUB_TOKEN } }",
    "{ checks: [lint], command: [x, '{commit}'] }",
    "asked in two ways",
  ],
  ["neither token nor App", "github: { repository: a/b }", "{ checks: [lint] }", "one of token and app"],
  [
    "a repository that is none",
    "github: { repository: shop, token: { secret: GITHUB_TOKEN } }",
    "{ checks: [lint] }",
    "names no repository",
  ],
  [
    "a secret that is not declared",
    "github: { repository: a/b, token: { secret: OTHER } }",
    "{ checks: [lint] }",
    "not declared",
  ],
])("W3 %s is refused with the place", (_what, github, ci, said) => {
  expect(() => settingsOf(github, ci)).toThrow(expect.objectContaining({ failure: expect.anything() }));
  try {
    settingsOf(github, ci);
  } catch (thrown) {
    expect(JSON.stringify((thrown as { failure: unknown }).failure)).toContain(said);
  }
});
