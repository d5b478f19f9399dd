/**
 * How GitHub is asked: one octokit with a token or as an App, with a limit for each request and for all tries together. What may
 * be asked twice is tried again after 5xx and broken connections; a refusal for asking too often is waited for in any case,
 * since nothing was done. Redirects are not followed: a token goes where the configuration says or nowhere.
 */
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import * as undici from "undici";
import type { Secret } from "../../domain/secret.ts";
import type { Clock } from "../../ports/clock.ts";
import { deadlineIn } from "../../ports/deadline.ts";
import { redactor } from "../redact.ts";
import { type Trouble, troubleOf, unreachable } from "./troubles.ts";

export type GithubAuth =
  | { readonly kind: "token"; readonly token: Secret }
  | {
      readonly kind: "app";
      readonly id: number;
      /** Null: asked of GitHub. */
      readonly installation: number | null;
      /** PEM. */
      readonly privateKey: Secret;
    };

export interface GithubOptions {
  /** `acme/shop`. */
  readonly repository: string;
  /** https://api.github.com, or a server's own https://<host>/api/v3. */
  readonly url: string;
  readonly auth: GithubAuth;
  readonly clock: Clock;
  /** Of one request. Default 10 s. */
  readonly timeoutMs?: number;
  /** Of all tries together. Default 60 s. */
  readonly patienceMs?: number;
  /** Certificates (PEM) of a private CA. */
  readonly ca?: string;
}

export interface Here {
  readonly owner: string;
  readonly repo: string;
}

type Request = Octokit["request"];

export interface GithubClient {
  readonly here: Here;
  /** `once`: it must not be done twice, so a broken connection is not tried again. */
  ask<T>(
    about: { readonly what: string; readonly once?: true },
    signal: AbortSignal,
    work: (request: Request) => Promise<T>,
  ): Promise<T>;
  clockAheadMs(): number | undefined;
}

const mostBodyBytes = 32 * 1_048_576;

export function githubClient(options: GithubOptions): GithubClient {
  const { clock, patienceMs = 60_000, timeoutMs = 10_000 } = options;
  const [owner = "", repo = ""] = options.repository.split("/");
  const redact = redactor([options.auth.kind === "token" ? options.auth.token : options.auth.privateKey]);
  const seen: { aheadMs?: number } = {};
  let octokit: Promise<Octokit> | undefined;
  const ready = (signal: AbortSignal) => {
    octokit ??= octokitFor(options, { owner, repo }, watchedFetch(options, seen), signal).catch((thrown: unknown) => {
      octokit = undefined;
      throw thrown;
    });
    return octokit;
  };

  async function attempt<T>(signal: AbortSignal, work: (request: Request) => Promise<T>): Promise<T | Trouble> {
    await using limit = deadlineIn(timeoutMs, clock, { signal });
    try {
      const { request } = await ready(limit.signal);
      return await work(request.defaults({ request: { signal: limit.signal } }));
    } catch (thrown) {
      signal.throwIfAborted();
      return troubleOf(thrown, { nowMs: clock.now(), late: limit.passed ? timeoutMs : undefined, redact });
    }
  }

  const inTheEnd = (what: string, trouble: Trouble) =>
    trouble.kind === "refused"
      ? trouble.error(what, options.repository, seen.aheadMs ?? 0)
      : unreachable(what, options.repository, trouble.reason, trouble.waitMs);

  return {
    here: { owner, repo },
    clockAheadMs: () => seen.aheadMs,
    async ask({ what, once = false }, signal, work) {
      const endsAtMs = clock.now() + patienceMs;
      for (let tries = 0; ; tries++) {
        signal.throwIfAborted();
        const result = await attempt(signal, work);
        if (!isTrouble(result)) return result;
        const waitMs = pauseAfter(result, tries, once);
        if (clock.now() + waitMs > endsAtMs) throw inTheEnd(what, result);
        await clock.sleep(waitMs, signal);
      }
    },
  };
}

/** Endless where trying again is of no use, or could do it twice. */
function pauseAfter(trouble: Trouble, tries: number, once: boolean): number {
  if (trouble.kind === "refused" || (once && !trouble.nothingDone)) return Number.POSITIVE_INFINITY;
  return trouble.waitMs ?? Math.min(30_000, 1_000 * 2 ** tries);
}

const isTrouble = (value: unknown): value is Trouble =>
  typeof value === "object" && value !== null && "trouble" in value && value.trouble === true;

type Fetch = (url: string, init: undici.RequestInit) => Promise<undici.Response>;

/** GitHub's clock is read from every answer: an App's JWT is worthless where the two are apart. */
function watchedFetch({ clock, ca }: GithubOptions, seen: { aheadMs?: number }): Fetch {
  const dispatcher = new undici.Agent({
    pipelining: 0,
    allowH2: false,
    maxResponseSize: mostBodyBytes,
    ...(ca === undefined ? {} : { connect: { ca } }),
  });
  return async (url, init) => {
    const sentMs = clock.now();
    const answer = await undici.fetch(url, { ...init, dispatcher, redirect: "manual" });
    const theirs = theirClockMs(answer);
    if (theirs !== undefined) seen.aheadMs = theirs - (sentMs + clock.now()) / 2;
    return answer.status >= 300 && answer.status < 400 ? gone(answer.headers.get("location")) : answer;
  };
}

/** The header is cut to a whole second. */
function theirClockMs({ headers }: undici.Response): number | undefined {
  const ms = Date.parse(headers.get("date") ?? "") + 500;
  return Number.isNaN(ms) ? undefined : ms;
}

/** octokit takes a redirect that was not followed for an answer. */
function gone(location: string | null): undici.Response {
  const to = location === null || !URL.canParse(location) ? "" : ` to ${new URL(location).origin}`;
  const message = `it redirects${to}, as for a repository that was renamed; redirects are not followed`;
  return new undici.Response(JSON.stringify({ message }), {
    status: 410,
    headers: { "content-type": "application/json" },
  });
}

const ignore = (): void => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

async function octokitFor(
  { auth, url }: GithubOptions,
  here: Here,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<Octokit> {
  const common = { baseUrl: url.replace(/\/+$/, ""), userAgent: "sluice", log: silent, request: { fetch } };
  if (auth.kind === "token") return new Octokit({ ...common, auth: auth.token.reveal() });
  const app = { appId: auth.id, privateKey: auth.privateKey.reveal(), log: silent };
  const asApp = new Octokit({ ...common, authStrategy: createAppAuth, auth: app });
  const installationId = auth.installation ?? (await installationOf(asApp, here, signal));
  return new Octokit({ ...common, authStrategy: createAppAuth, auth: { ...app, installationId } });
}

async function installationOf(octokit: Octokit, here: Here, signal: AbortSignal): Promise<number> {
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/installation", { ...here, request: { signal } });
  return data.id;
}
