/**
 * P1: what a release changes. git is the truth about the tree; the forge adds accounts and pull requests. When it is away the plan
 * says so and goes on: who wrote something is worth knowing, and no reason to hold a deployment up.
 */
import type { Change, ForgeTag, PlanAtForge } from "../domain/change-list.ts";
import { failureOf } from "../domain/errors.ts";
import type { Plan } from "../domain/plan.ts";
import type { Release } from "../domain/release.ts";
import type { Serving } from "../domain/serving.ts";
import { deadlineIn } from "../ports/deadline.ts";
import type { Forge } from "../ports/forge.ts";
import type { Parts } from "./parts.ts";

/** Commits of the plan, newest first. */
const mostChanges = 200;
/** Each takes a request of its own. */
const mostWithRequests = 30;
const requestsAtOnce = 5;
const forgeWithinMs = 15_000;

type Asked = Pick<Plan, "changes" | "atForge">;

export async function changeList(
  parts: Parts,
  { release, serving }: { readonly release: Release; readonly serving: Serving | null },
  signal: AbortSignal,
): Promise<Asked> {
  const commits = await parts.source.changes(serving?.commit, release.commit, mostChanges, signal);
  const changes = commits.map(({ sha, author, authorEmail, subject }) => ({ sha, author, authorEmail, subject }));
  if (parts.forge === undefined) return { changes };
  const seen: Seen = { accounts: new Map(), requests: new Map() };
  const lacking = await askWithin(parts, parts.forge, { release, serving, changes, seen }, signal);
  const { kind, repository } = parts.forge;
  return {
    changes: changes.map((change) => withForge(change, seen)),
    atForge: atForge({ kind, repository }, seen, lacking),
  };
}

/** What was heard so far: it counts also where the rest stays away. */
interface Seen {
  tag?: ForgeTag | null;
  readonly accounts: Map<string, string | null>;
  readonly requests: Map<string, Change["pullRequests"]>;
}

interface Question {
  readonly release: Release;
  readonly serving: Serving | null;
  readonly changes: readonly Change[];
  readonly seen: Seen;
}

/** Why something is missing, in words; null where everything was answered. */
async function askWithin(parts: Parts, forge: Forge, question: Question, signal: AbortSignal): Promise<string | null> {
  await using limit = deadlineIn(forgeWithinMs, parts.clock, { signal });
  try {
    await ask(forge, question, limit.signal);
    return null;
  } catch (thrown) {
    signal.throwIfAborted();
    return limit.passed ? `it did not answer within ${forgeWithinMs / 1000} s` : failureOf(thrown, "plan").message;
  }
}

async function ask(forge: Forge, { release, serving, changes, seen }: Question, signal: AbortSignal): Promise<void> {
  if (release.ref.kind === "tag") seen.tag = (await forge.tag(release.ref.name, signal)) ?? null;
  if (changes.length === 0) return;
  for (const { sha, account } of await forge.commits(serving?.commit, release.commit, mostChanges, signal)) {
    seen.accounts.set(sha, account);
  }
  await askForRequests(forge, { changes, seen }, signal);
}

async function askForRequests(
  forge: Forge,
  { changes, seen }: Pick<Question, "changes" | "seen">,
  signal: AbortSignal,
): Promise<void> {
  const newest = changes.filter(({ sha }) => seen.accounts.has(sha)).slice(0, mostWithRequests);
  for (let from = 0; from < newest.length; from += requestsAtOnce) {
    const some = newest.slice(from, from + requestsAtOnce);
    const answers = await Promise.allSettled(some.map(({ sha }) => forge.pullRequests(sha, signal)));
    for (const [at, answer] of answers.entries()) {
      if (answer.status === "rejected") throw answer.reason;
      seen.requests.set(some[at]?.sha ?? "", answer.value);
    }
  }
}

function withForge(change: Change, { accounts, requests }: Seen): Change {
  const account = accounts.get(change.sha);
  const pullRequests = requests.get(change.sha);
  return {
    ...change,
    ...(account === undefined ? {} : { account }),
    ...(pullRequests === undefined ? {} : { pullRequests }),
  };
}

const atForge = (
  about: Pick<PlanAtForge, "kind" | "repository">,
  { tag }: Seen,
  lacking: string | null,
): PlanAtForge => ({ ...about, ...(tag === undefined ? {} : { tag }), lacking });
