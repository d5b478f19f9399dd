/**
 * What must hold when a walk is over; what must hold at every moment of it is in walk-watch.ts. Truth is read from the fakes'
 * own logs (target, routers, clients, channel, migrator, store, acts); the ledger is read only as what Sluice claims. Each broken
 * promise throws with the name of its invariant.
 */
import { hash } from "node:crypto";
import { chainFault } from "../../src/domain/audit.ts";
import { applyBucket, beginCanary, type CanaryState } from "../../src/domain/canary/canary.ts";
import type { VerdictPlan } from "../../src/pipeline/verdict-plan.ts";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import type { WalkRelease } from "./walk-releases.ts";
import { hold, same } from "./walk-violation.ts";
import type { Watch } from "./walk-watch.ts";
import type { World } from "./world.ts";
import { minute, second } from "./world-settings.ts";

export interface Walked {
  readonly world: World;
  readonly watch: Watch;
  /** All but the first deployment, in the order in which they were asked for. */
  readonly rows: readonly DeploymentRow[];
  /** The first deployment succeeded. */
  readonly hadStable: boolean;
  readonly release: WalkRelease;
  readonly settings: {
    readonly approvals: { readonly required: number };
    readonly rollback: { readonly on: { readonly smoke: string; readonly observation: string } };
  };
  readonly requestsPerSecond: number;
  /** Requests that were under way when their instance was stopped. */
  readonly cut: readonly string[];
  /** What happened that may keep a rollback from succeeding. */
  readonly hindered: ReadonlySet<string>;
}

export async function checkInvariants(walked: Walked): Promise<void> {
  const [first] = walked.watch.violations;
  if (first) throw first;
  for (const row of walked.rows) await endsAndSaysSo(row, walked);
  await lockAndServing(walked);
  await trafficFits(walked);
  nothingLost(walked);
  for (const row of walked.rows) await approvedFirst(row, walked);
  for (const row of walked.rows) cancelHeard(row, walked);
  for (const row of walked.rows) rollsBackUnhindered(row, walked);
  badNeverServes(walked);
  nothingForgotten(walked);
  await dataIsSafe(walked);
  await peopleAreTold(walked);
  await storyHolds(walked);
  for (const row of walked.rows) await evidenceHolds(row, walked);
}

async function endsAndSaysSo({ id, state, outcome }: DeploymentRow, { world }: Walked): Promise<void> {
  const record = (await world.ledger.record(id)) as { readonly outcome: string } | undefined;
  same("it ends", state, "ended", `state of ${id}`);
  same("record and row agree", record?.outcome, outcome, `record of ${id}`);
  const finished = await world.ledger.events(id, 0);
  const told = finished.filter(({ step, key }) => step === "finish" && key === "outcome").map(({ title }) => title);
  same("record and row agree", [...new Set(told)], [outcome], `story of ${id}`);
}

const wasUnlocked = ({ hindered }: Walked): boolean => hindered.has("lock released by hand");

/** In the order of their ends: lock and promotion are one at a time. */
function servesAfter({ rows, hadStable }: Walked): string | null {
  const ended = [...rows].sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0));
  const last = ended.findLast(({ outcome }) => outcome === "succeeded");
  return last?.version ?? (hadStable ? "v1.0.0" : null);
}

async function lockAndServing(walked: Walked): Promise<void> {
  const { world, rows } = walked;
  const lock = await world.ledger.lock("production");
  // Whoever dies between its outcome and the release leaves a lock that the next one may take: its holder has ended.
  const holder = lock && (await world.ledger.deployment(lock.deploymentId));
  hold("the lock is free at the end", holder === undefined || holder.outcome !== null, () => JSON.stringify(lock));
  if (wasUnlocked(walked) && rows.some(({ outcome }) => outcome === "rollback-failed")) return;
  const serves = (await world.ledger.serving("production"))?.version ?? null;
  const outcomes = rows.map(({ version, outcome }) => `${version} ${outcome}`).join();
  same("what serves is what was said", serves, servesAfter(walked), `serving after ${outcomes}`);
}

/** What could not be undone is left to a person, but no traffic is ever left on something that is not there. */
async function trafficFits(walked: Walked): Promise<void> {
  const { world, rows } = walked;
  const place = world.at();
  const serves = servesAfter(walked);
  const running = await place.running();
  const weights = [await place.weights("api"), await place.weights("web")];
  const outcomes = rows.map(({ outcome }) => outcome).join();
  const dead = await killedVersions(walked);
  for (const weight of weights.flat()) {
    const version = weight.split(" ")[0] ?? "";
    const there = dead.has(version) || running.some((name) => name.endsWith(` ${version}`));
    hold("traffic only on what runs", there, () => `${weight} does not run`);
  }
  if (rows.some(({ outcome }) => outcome === "rollback-failed" || outcome === "quarantined")) return;
  if (serves !== null && !mayBeIncomplete(walked, dead.has(serves))) {
    const missing = ["api", "web", "jobs"].filter((component) => !running.includes(`${component} ${serves}`));
    same("what serves is whole", missing, [], `not running of ${serves} after ${outcomes}`);
  }
  const all = serves ? [`${serves} 100 %`] : [];
  same("traffic fits the outcome", weights, [all, all], `traffic after ${outcomes}`);
  const good = rows.filter(({ outcome }) => outcome === "succeeded").map(({ version }) => version);
  const others = running.filter((name) => !["v1.0.0", ...good].includes(name.split(" ")[1] ?? ""));
  same("nothing is left running", others, [], `running after ${outcomes}`);
}

/** One of its instances died by itself: just now, or where no rollback has said since that it answers well. */
function mayBeIncomplete(walked: Walked, isDead: boolean): boolean {
  const last = walked.rows.at(-1);
  const wentBack = last?.outcome === "rolled-back" || last?.outcome === "undecided";
  return (isDead && !wentBack) || lastDeathMs(walked) > (last?.endedAtMs ?? 0) - 5 * second;
}

async function killedVersions({ world }: Walked): Promise<ReadonlySet<string>> {
  const instances = await world.at().target.observe(new AbortController().signal);
  const killed = instances.filter(({ component, revision }) => world.at().isKilled(component, revision));
  return new Set(killed.map(({ version }) => version));
}

const lastDeathMs = ({ world }: Walked): number =>
  world.at().target.effects.findLast(({ effect }) => effect === "crashed")?.atMs ?? 0;

function nothingLost({ world, cut }: Walked): void {
  same("no request is lost", world.at().lost, [], "requests that met nobody");
  same("nothing is stopped under a request", cut, [], "requests cut");
}

/** No effect before somebody who may has approved this very plan. */
async function approvedFirst({ id, kind }: DeploymentRow, { world, settings }: Walked): Promise<void> {
  if (settings.approvals.required === 0 || kind === "rollback") return;
  const events = await world.ledger.events(id, 0);
  const digest = events.map(({ detail }) => detail as { readonly digest?: string }).find((each) => each.digest)?.digest;
  const votes = await world.ledger.approvals(id);
  const valid = votes.filter(
    (vote) => vote.planDigest === digest && ["bob", "eve"].includes(vote.by) && vote.comment !== "forged",
  );
  const approvedAtMs = Math.min(...valid.map(({ atMs }) => atMs));
  const own = new Set(world.processes.filter((each) => each.deploymentId === id).map(({ executorId }) => executorId));
  const early = world.acts.filter(
    ({ executorId, what, atMs }) => own.has(executorId) && what !== "build" && atMs < approvedAtMs,
  );
  same("nothing happens unapproved", early, [], "acts before the approval");
}

/** It ends by its cancel, unless it was promoted or had begun to end before anybody could hear it. */
function cancelHeard({ id, outcome, cancelRequested, endedAtMs }: DeploymentRow, { watch, hindered }: Walked): void {
  if (cancelRequested === null || outcome === "cancelled" || outcome === "quarantined") return;
  const { atMs } = cancelRequested;
  const promotedAtMs = watch.promotedAtMs.get(id);
  if (outcome === "succeeded") {
    const heardBy = (promotedAtMs ?? 0) - 10 * second;
    hold("a cancel is heard", atMs > heardBy, () => `cancelled at ${atMs}, promoted at ${promotedAtMs}`);
    return;
  }
  const unhindered = ![...hindered].some((name) => name.startsWith("ledger"));
  const late = unhindered && (endedAtMs ?? 0) - atMs > 1.5 * minute;
  hold("a cancel is heard", !late, () => `${id} was cancelled at ${atMs} and ends at ${endedAtMs} as ${outcome}`);
}

function rollsBackUnhindered({ id, outcome }: DeploymentRow, { hindered }: Walked): void {
  const needsPerson = outcome === "rollback-failed" || outcome === "quarantined";
  hold("a rollback fails only where something hinders it", !needsPerson || hindered.size > 0, () => `${id} ${outcome}`);
}

function badNeverServes({ release, rows, settings, requestsPerSecond }: Walked): void {
  const found = rows.some(
    ({ version, kind, outcome }) => version === "v1.1.0" && kind === "deploy" && outcome === "succeeded",
  );
  if (!found) return;
  const smokeSendsBack = settings.rollback.on.smoke === "roll-back";
  // With a request a second it meets some twenty: once in a million walks none of them is among the half that fails.
  const couldBeLucky = requestsPerSecond <= 1 && typeof release.errorRate === "number" && release.errorRate < 1;
  const neverServes = release.neverServes && !couldBeLucky;
  hold("a bad release never succeeds", !neverServes, () => "it cannot have been found good");
  hold("a bad release never succeeds", !(release.smokeFails && smokeSendsBack), () => "its smoke suite fails");
  hold("nothing succeeds unseen", requestsPerSecond > 0, () => "no request ever reached it");
}

/** Over the whole first weight, whoever was in charge meanwhile: what failed there is more than the limit and some slack. */
function nothingForgotten({ watch, rows, hindered }: Walked): void {
  const well = rows.some(({ version, outcome }) => version === "v1.1.0" && outcome === "succeeded");
  const from = watch.rises.find(({ version, percent }) => version === "v1.1.0" && percent < 100);
  const to = watch.rises.find(({ version, percent }) => version === "v1.1.0" && percent === 100);
  if (!well || from === undefined || to === undefined || hindered.size > 0) return;
  const requests = to.requests - from.requests;
  const failed = to.failed - from.failed;
  hold("what was counted is not forgotten", failed <= 0.25 * requests, () => `${failed} of ${requests} had failed`);
}

async function dataIsSafe({ world, watch }: Walked): Promise<void> {
  hold("a migration runs once", new Set(world.applied).size === world.applied.length, () => world.applied.join());
  const planned = new Set((await Promise.all(watch.asked.map(({ id }) => plannedIn(id, world)))).flat());
  const unplanned = world.applied.filter((id) => !planned.has(id));
  same("only what was planned is applied", unplanned, [], "applied without a plan");
  same("a sound backup before each migration", watch.unsafeMigrations, [], "migrations without one");
}

async function plannedIn(id: string, world: World): Promise<readonly string[]> {
  const events = await world.ledger.events(id, 0);
  const details = events.map(
    ({ detail }) => detail as { readonly plan?: { readonly migrations: readonly { readonly id: string }[] } },
  );
  return details.flatMap(({ plan }) => plan?.migrations.map((migration) => migration.id) ?? []);
}

async function peopleAreTold({ world, rows }: Walked): Promise<void> {
  const told = world.channel.told();
  const keys = new Set(world.channel.deliveries.map(({ key }) => key));
  hold("nobody is told twice", told.length === keys.size, () => `${told.length} told, ${keys.size} keys`);
  const titles = told.map(({ deploymentId, kind, title }) => `${deploymentId} ${kind} ${title}`);
  const twice = titles.filter((title, at) => titles.indexOf(title) !== at);
  same("nobody is told twice", twice, [], "told twice");
  for (const { id, outcome } of rows) {
    // A channel that was down may still owe it: then the outbox has it.
    const owed = (await world.ledger.undelivered(id)).map(({ notification }) => notification);
    const ending = [...told, ...owed].filter((each) => each.deploymentId === id && each.title.endsWith(`: ${outcome}`));
    const heard = new Set(ending.map(({ kind, title }) => `${kind} ${title}`)).size;
    hold("everybody hears the end", heard === 1, () => `told ${heard} times that ${id} ended as ${outcome}`);
  }
}

/**
 * What the sequential test knows follows from the buckets that are kept: each was applied once, in order, and none left out. Where a
 * test begins, a router may have nothing to tell yet (seed 513): the places before the first bucket stay empty, and count as missing.
 */
async function evidenceHolds({ id }: DeploymentRow, { world }: Walked): Promise<void> {
  const evidence = await world.ledger.evidence(id);
  if (evidence === undefined) return;
  const { canary } = evidence.plan as unknown as VerdictPlan;
  const buckets = await world.ledger.evidenceBuckets(id);
  const indexes = [...new Set(buckets.map(({ index }) => index))];
  const firstIndex = Math.max(canary.firstIndex, indexes[0] ?? evidence.nextIndex);
  const wanted = Array.from({ length: evidence.nextIndex - firstIndex }, (_, n) => firstIndex + n);
  same("each bucket is applied once", indexes, wanted, `buckets of ${id}`);
  const state = buckets.reduce((before, bucket) => applyBucket(canary, before, bucket), beginCanary(canary));
  const kept = counted(evidence.state as unknown as CanaryState);
  same("each bucket is applied once", kept, counted(state), `evidence of ${id}`);
}

/** What was counted, by metric: neither the wealth of its tests nor how often they were restarted. */
const counted = ({ metrics }: CanaryState) =>
  Object.entries(metrics).map(([name, { lastIndex, applied, counts }]) => ({ name, lastIndex, applied, counts }));

const sha256 = (text: string): string => hash("sha256", text);

async function storyHolds({ world }: Walked): Promise<void> {
  for (const chain of await world.ledger.chains()) {
    const fault = chainFault(await world.ledger.chain(chain), sha256);
    hold("the story is whole", fault === undefined, () => `${chain.id}: ${fault?.message}`);
  }
}
