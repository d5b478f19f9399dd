/** A SIMULATED GitHub with one repository, for suites of what talks to it: closed after each test, which throws what was against the description. */
import { afterEach } from "vitest";
import type { GithubOptions } from "../../src/adapters/github/client.ts";
import { Secret } from "../../src/domain/secret.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { installed } from "../heavy/installed.ts";
import { type Description, officialDescription } from "./description.ts";
import type { Grant } from "./keys.ts";
import { type SimulatedGithub, type SimulatedGithubOptions, simulatedGithub } from "./simulated-github.ts";
import { commitTo, emptyRepository, type SimulatedRepository } from "./world.ts";

const folder = await installed("github-openapi");

/** Without npm's package there is nothing to hold the simulation against; `installed` has said so. */
export const hasDescription = folder !== undefined;

export interface Opened {
  readonly github: SimulatedGithub;
  readonly repository: SimulatedRepository;
  readonly sha: string;
  /** How the adapter is told to ask it. */
  readonly options: GithubOptions;
}

const descriptions = new Map<string, Promise<Description>>();
const opened: SimulatedGithub[] = [];

export const token = "ghp_s3cr3t-of-the-token";
const everything: Grant = { kind: "classic", login: "sluice-bot", scopes: ["repo"] };

export async function openGithub(
  change: Partial<SimulatedGithubOptions> & { readonly grant?: Grant } = {},
): Promise<Opened> {
  const edition = change.enterprise ? "ghes-3.19" : "api.github.com";
  const description = await (descriptions.get(edition) ?? officialDescription(folder ?? "", edition));
  descriptions.set(edition, Promise.resolve(description));
  const repository = emptyRepository("acme", "shop");
  const sha = commitTo(repository, "Sell more");
  const github = await simulatedGithub({ description, repository, ...change });
  github.tokens.set(token, change.grant ?? everything);
  opened.push(github);
  const auth = { kind: "token", token: new Secret("GITHUB_TOKEN", token) } as const;
  return { github, repository, sha, options: { repository: "acme/shop", url: github.url, auth, clock: realClock() } };
}

export function closeAfterEach(): void {
  afterEach(async () => {
    for (const github of opened.splice(0)) await github[Symbol.asyncDispose]();
  });
}
