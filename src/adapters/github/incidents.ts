/**
 * N2: one issue for everything that goes wrong in an environment until something goes well. It is found by its label and by a mark
 * in its text; marks of events in issue and comments keep each from being written twice.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { IncidentEntry } from "../../ports/forge.ts";
import type { GithubClient } from "./client.ts";
import { fitted, issueLimit, markOf, shortened } from "./limits.ts";
import { pagesOf } from "./pages.ts";

const longestTitle = 256;

interface Issue {
  readonly number: number;
  readonly body?: string | null;
  readonly user: { readonly login: string } | null;
}

export async function openIncident(client: GithubClient, entry: IncidentEntry, signal: AbortSignal): Promise<void> {
  const found = await openIssues(client, entry, signal);
  const [incident] = found;
  if (incident) {
    await addComment(client, incident, entry, signal);
    return closeDoubles(client, found, entry, signal);
  }
  if (await wasClosed(client, entry, signal)) return;
  const body = fitted(entry.text, issueLimit, `\n\n${incidentMark(entry)}\n${keyMark(entry)}`);
  const { data } = await client.ask({ what: "issues", once: true }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/issues", {
      ...client.here,
      title: shortened(entry.title, longestTitle),
      body,
      labels: [...entry.labels],
    }),
  );
  const labels = data.labels.map((label) => (typeof label === "string" ? label : label.name));
  if (!labels.includes(labelOf(entry))) throw unlabelled(client, data.number, entry);
  await closeDoubles(client, await openIssues(client, entry, signal), entry, signal);
}

export async function closeIncident(
  client: GithubClient,
  entry: Omit<IncidentEntry, "title">,
  signal: AbortSignal,
): Promise<void> {
  for (const issue of await openIssues(client, entry, signal)) {
    await addComment(client, issue, entry, signal);
    await close(client, issue.number, "completed", signal);
  }
}

type Sought = Pick<IncidentEntry, "mark" | "key" | "labels">;

const labelOf = ({ labels }: Sought): string => labels[0] ?? "sluice-incident";
const incidentMark = ({ mark }: Sought): string => markOf("incident", mark);
const keyMark = ({ key }: Sought): string => markOf("event", key);

/** Oldest first. */
async function openIssues(client: GithubClient, sought: Sought, signal: AbortSignal): Promise<readonly Issue[]> {
  const issues = await pagesOf<Issue>(client, "issues", signal, async (request, page) => {
    const { data } = await request("GET /repos/{owner}/{repo}/issues", {
      ...client.here,
      state: "open",
      labels: labelOf(sought),
      sort: "created",
      direction: "asc",
      per_page: 100,
      page,
    });
    return data;
  });
  return issues.filter(({ body }) => body?.includes(incidentMark(sought)));
}

/** It was opened, and a person closed it before we had written down that it was opened. */
async function wasClosed(client: GithubClient, sought: Sought, signal: AbortSignal): Promise<boolean> {
  const { data } = await client.ask({ what: "issues" }, signal, (request) =>
    request("GET /repos/{owner}/{repo}/issues", {
      ...client.here,
      state: "closed",
      labels: labelOf(sought),
      per_page: 100,
    }),
  );
  return data.some(({ body }) => body?.includes(keyMark(sought)));
}

/** Two machines may open one at the same time, and GitHub's list may lag behind: the oldest one stays. */
async function closeDoubles(
  client: GithubClient,
  [first, ...doubles]: readonly Issue[],
  entry: IncidentEntry,
  signal: AbortSignal,
): Promise<void> {
  for (const { number, user } of doubles) {
    const text = `The same incident as #${first?.number}.`;
    await addComment(client, { number, user }, { ...entry, key: `double of ${first?.number}`, text }, signal);
    await close(client, number, "not_planned", signal);
  }
}

/** Only what we wrote counts as told: a comment of somebody else cannot keep us quiet. */
async function addComment(
  client: GithubClient,
  issue: Issue,
  entry: Omit<IncidentEntry, "title">,
  signal: AbortSignal,
): Promise<void> {
  if (issue.body?.includes(keyMark(entry))) return;
  const here = { ...client.here, issue_number: issue.number };
  const comments = await pagesOf(client, "comments", signal, async (request, page) => {
    const path = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
    const { data } = await request(path, { ...here, per_page: 100, page });
    return data;
  });
  const told = comments.some(({ body, user }) => body?.includes(keyMark(entry)) && user?.login === issue.user?.login);
  if (told) return;
  const body = fitted(entry.text, issueLimit, `\n\n${keyMark(entry)}`);
  await client.ask({ what: "comments", once: true }, signal, (request) =>
    request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { ...here, body }),
  );
}

async function close(
  client: GithubClient,
  number: number,
  reason: "completed" | "not_planned",
  signal: AbortSignal,
): Promise<void> {
  await client.ask({ what: "issues" }, signal, (request) =>
    request("PATCH /repos/{owner}/{repo}/issues/{issue_number}", {
      ...client.here,
      issue_number: number,
      state: "closed",
      state_reason: reason,
    }),
  );
}

/** GitHub drops labels in silence where the token may not set them; without one the next failure would open another issue. */
function unlabelled({ here }: GithubClient, number: number, entry: IncidentEntry): SluiceError {
  return new SluiceError({
    code: "FORGE_REFUSED",
    remedy: "operator",
    at: "adapters.github",
    message: `Issue ${number} of ${here.owner}/${here.repo} was opened without the label ${labelOf(entry)}: the token may not set labels.`,
    hint: "Give the token the right to write, and set the label by hand so that Sluice finds the issue: sluice check",
  });
}
