/**
 * What must hold after every walk. Truth is read from the fakes' own logs (target, routers, clients, channel, migrator, acts);
 * the ledger is read only as what Sluice claims. Each broken promise throws with the name of its invariant.
 */
import type { WalkRelease } from "./walk-mishaps.ts";
import type { World } from "./world.ts";

export interface Walked {
  readonly world: World;
  readonly id: string;
  readonly outcome: string | null;
  /** The first deployment succeeded. */
  readonly hadStable: boolean;
  readonly release: WalkRelease;
  readonly smokeSendsBack: boolean;
  readonly approvalsRequired: number;
  readonly requestsPerSecond: number;
  /** Requests that were under way when their instance was stopped. */
  readonly cut: readonly string[];
}

export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

const hold = (invariant: string, holds: boolean, message: () => string): void => {
  if (!holds) throw new Violation(invariant, message());
};
const same = (invariant: string, seen: unknown, wanted: unknown, what: string): void =>
  hold(
    invariant,
    JSON.stringify(seen) === JSON.stringify(wanted),
    () => `${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`,
  );

export async function checkInvariants(walked: Walked): Promise<void> {
  await endsAndSaysSo(walked);
  await trafficFits(walked);
  nothingLost(walked);
  oneInCharge(walked);
  await approvedFirst(walked);
  badNeverServes(walked);
  dataIsSafe(walked);
  await peopleAreTold(walked);
}

const servesAfter = ({ outcome, hadStable }: Walked): string | null =>
  outcome === "succeeded" ? "v1.1.0" : hadStable ? "v1.0.0" : null;

async function endsAndSaysSo(walked: Walked): Promise<void> {
  const { world, id, outcome } = walked;
  const row = await world.ledger.deployment(id);
  const record = (await world.ledger.record(id)) as { readonly outcome: string } | undefined;
  same("it ends", row?.state, "ended", "state");
  same("the lock is free at the end", await world.ledger.lock("production"), undefined, "lock");
  same("record and row agree", record?.outcome, outcome, "record");
  same("record and row agree", row?.outcome, outcome, "row");
  const serves = (await world.ledger.serving("production"))?.version ?? null;
  same("what serves is what was said", serves, servesAfter(walked), `serving after ${outcome}`);
}

/** What could not be undone is left to a person, but no traffic is ever left on something that is not there. */
async function trafficFits(walked: Walked): Promise<void> {
  const { world, outcome } = walked;
  const serves = servesAfter(walked);
  const running = await world.at().running();
  const weights = [await world.at().weights("api"), await world.at().weights("web")];
  for (const weight of weights.flat()) {
    const there = running.some((name) => name.endsWith(` ${weight.split(" ")[0]}`));
    hold("traffic only on what runs", there, () => `${weight} does not run`);
  }
  if (outcome === "rollback-failed" || outcome === "quarantined") return;
  for (const component of serves ? ["api", "web", "jobs"] : []) {
    hold(
      "what serves is whole",
      running.includes(`${component} ${serves}`),
      () => `${component} ${serves} does not run`,
    );
  }
  const all = serves ? [`${serves} 100 %`] : [];
  same("traffic fits the outcome", weights, [all, all], `traffic after ${outcome}`);
  const others = running.filter((name) => !name.endsWith(` ${serves}`) && !name.endsWith(" v1.0.0"));
  same("nothing is left running", others, [], `running after ${outcome}`);
}

function nothingLost({ world, cut }: Walked): void {
  same("no request is lost", world.at().lost, [], "requests that met nobody");
  same("nothing is stopped under a request", cut, [], "requests cut");
}

/** Late calls of whoever was replaced must have no effect: the numbers that were obeyed never fall. */
function oneInCharge({ world }: Walked): void {
  const rising = (what: string, numbers: readonly number[]) =>
    numbers.forEach((n, at) => {
      const before = numbers[at - 1] ?? 0;
      hold("only the newest attempt acts", n >= before, () => `${what} obeyed attempt ${n} after ${before}`);
    });
  rising(
    "the target",
    world.at().target.effects.flatMap(({ attempt }) => (attempt === undefined ? [] : [attempt])),
  );
  for (const component of ["api", "web"]) {
    const own = world.at().shifts.filter((shift) => shift.component === component);
    rising(
      `the router of ${component}`,
      own.map(({ attempt }) => attempt),
    );
  }
}

/** No effect before somebody who may has approved this very plan. */
async function approvedFirst({ world, id, approvalsRequired }: Walked): Promise<void> {
  if (approvalsRequired === 0) return;
  const events = await world.ledger.events(id, 0);
  const digest = events.map(({ detail }) => detail as { readonly digest?: string }).find((each) => each.digest)?.digest;
  const votes = await world.ledger.approvals(id);
  const valid = votes.filter(
    (vote) => vote.planDigest === digest && ["bob", "eve", "kim"].includes(vote.by) && vote.comment !== "forged",
  );
  const approvedAtMs = Math.min(...valid.map(({ atMs }) => atMs));
  const own = world.processes.filter(({ deploymentId }) => deploymentId === id).map(({ executorId }) => executorId);
  const early = world.acts.filter(
    ({ executorId, what, atMs }) => own.includes(executorId) && what !== "build" && atMs < approvedAtMs,
  );
  same("nothing happens unapproved", early, [], "acts before the approval");
}

function badNeverServes({ release, outcome, smokeSendsBack, requestsPerSecond }: Walked): void {
  if (outcome !== "succeeded") return;
  hold("a bad release never succeeds", !release.neverServes, () => "it cannot have been found good");
  hold("a bad release never succeeds", !(release.smokeFails && smokeSendsBack), () => "its smoke suite fails");
  hold("nothing succeeds unseen", requestsPerSecond > 0, () => "no request ever reached it");
}

function dataIsSafe({ world }: Walked): void {
  hold("a migration runs once", new Set(world.applied).size === world.applied.length, () => world.applied.join());
  const applies = world.acts.filter(({ what }) => what === "apply");
  for (const apply of applies) {
    const backup = world.acts.some(({ what, atMs }) => what === "putManifest" && atMs <= apply.atMs);
    hold("a backup before each migration", backup, () => `applied at ${apply.atMs} without one`);
  }
}

async function peopleAreTold({ world, id, outcome }: Walked): Promise<void> {
  const told = world.channel.told();
  const keys = new Set(world.channel.deliveries.map(({ key }) => key));
  hold("nobody is told twice", told.length === keys.size, () => `${told.length} told, ${keys.size} keys`);
  const titles = told.map(({ deploymentId, kind, title }) => `${deploymentId} ${kind} ${title}`);
  const twice = titles.filter((title, at) => titles.indexOf(title) !== at);
  same("nobody is told twice", twice, [], "told twice");
  // A channel that was down may still owe it: then the outbox has it.
  const owed = (await world.ledger.undelivered(id)).map(({ notification }) => notification);
  const ending = [...told, ...owed].filter((each) => each.deploymentId === id && each.title.endsWith(`: ${outcome}`));
  const heard = new Set(ending.map(({ kind, title }) => `${kind} ${title}`)).size;
  hold("everybody hears the end", heard === 1, () => `told ${heard} times that it ended as ${outcome}`);
}
