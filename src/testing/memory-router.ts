/** A router that only pretends: no sockets, no processes, requests served by a method call. Obeys the whole port. */
import { type Attempt, type FenceRecord, ruleOnFence } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import {
  type Counters,
  percentOf,
  type RevisionId,
  type RouterBuckets,
  type Share,
  type Split,
  sameWeights,
} from "../domain/traffic.ts";
import type { Clock } from "../ports/clock.ts";
import type { BucketQuery, Router, ShiftOptions } from "../ports/router.ts";
import { type MemoryBuckets, memoryBuckets } from "./memory-buckets.ts";

export interface MemoryRouterOptions {
  readonly route: string;
  readonly clock: Clock;
  /** Called at each change of the weights in force; `by` is null where the router, or somebody behind our back, changed them. */
  readonly onSplit?: (to: Split, by: Attempt | null) => void;
}

export interface Serving {
  readonly revision: RevisionId;
  /** Ends the request. Afterwards, and after a drain cut it, this does nothing. */
  end(outcome?: Outcome): void;
}

export interface Outcome {
  readonly failed?: boolean;
  readonly durationMs?: number;
}

export interface MemoryRouter extends Router {
  buckets(query: BucketQuery, signal: AbortSignal): Promise<RouterBuckets>;
  /** One whole request. Undefined: no revision serves, the client got 503. */
  serve(outcome?: Outcome | ((revision: RevisionId) => Outcome)): RevisionId | undefined;
  /** A request that is under way until it is ended. */
  begin(): Serving | undefined;
  /** Nobody renewed the split in time. */
  revertedUnattended(): boolean;
  /** Somebody else sets the weights, or a reload loses them: no fence, and nobody attends them. */
  edit(to: Split): void;
}

const edgesMs = Array.from({ length: 240 }, (_, index) => 0.5 * 1.05 ** index);

interface Tally {
  requests: number;
  errors: number;
  durationSumMs: number;
  readonly latencyCounts: number[];
  readonly underWay: Set<Serving>;
}

const newTally = (): Tally => ({
  requests: 0,
  errors: 0,
  durationSumMs: 0,
  latencyCounts: new Array<number>(edgesMs.length + 1).fill(0),
  underWay: new Set(),
});

/** Obeys, or refuses like the real one. */
function rule(route: string, fence: FenceRecord | undefined, attempt: Attempt): void {
  const ruling = ruleOnFence(fence, attempt);
  if (ruling === "obey") return;
  const stale = ruling === "stale";
  throw new SluiceError({
    code: stale ? "STALE_ATTEMPT" : "LEDGER_FOREIGN",
    remedy: "operator",
    at: "memory-router.fence",
    message: stale
      ? `Route ${route} obeys attempt ${fence?.n}; attempt ${attempt.n} is older.`
      : `Route ${route} belongs to ledger ${fence?.ledgerId}, not to ${attempt.ledgerId}.`,
    hint: "See who deploys: sluice status",
  });
}

export function memoryRouter(options: MemoryRouterOptions): MemoryRouter {
  return new PretendedRouter(options);
}

class PretendedRouter implements MemoryRouter {
  readonly kind = "memory";
  readonly fencing = "enforced";
  readonly url: string;
  readonly #route: string;
  readonly #clock: Clock;
  readonly #onSplit: NonNullable<MemoryRouterOptions["onSplit"]>;
  readonly #tallies = new Map<RevisionId, Tally>();
  #split: Split = [];
  #fence: FenceRecord | undefined;
  #credit = new Map<RevisionId, number>();
  #unattended: { readonly fallback: RevisionId; readonly deadlineMs: number } | undefined;
  #reverted = false;
  readonly #buckets: MemoryBuckets;

  constructor({ route, clock, onSplit = () => undefined }: MemoryRouterOptions) {
    this.#route = route;
    this.#onSplit = onSplit;
    this.#buckets = memoryBuckets(() => clock.now(), edgesMs);
    this.#clock = clock;
    this.url = `memory://${route}`;
  }

  async fence(signal: AbortSignal): Promise<FenceRecord | undefined> {
    signal.throwIfAborted();
    return this.#fence;
  }

  async claim(attempt: Attempt, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#admit(attempt);
  }

  async disown(_reason: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#fence = undefined;
  }

  async shift(to: Split, attempt: Attempt, signal: AbortSignal, options?: ShiftOptions): Promise<void> {
    signal.throwIfAborted();
    this.#admit(attempt);
    const unattended = options?.unattended;
    this.#unattended =
      unattended === undefined
        ? undefined
        : { fallback: unattended.fallback, deadlineMs: this.#clock.now() + unattended.afterMs };
    this.#reverted = false;
    this.#apply(to, attempt);
  }

  async observe(signal: AbortSignal): Promise<Split> {
    signal.throwIfAborted();
    this.#checkAttendance();
    return this.#split;
  }

  async drain(revision: RevisionId, timeoutMs: number, attempt: Attempt, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    this.#admit(attempt);
    this.#refuseWithWeight(revision);
    const underWay = this.#tallies.get(revision)?.underWay ?? new Set<Serving>();
    const deadlineMs = this.#clock.now() + timeoutMs;
    while (underWay.size > 0 && this.#clock.now() < deadlineMs) {
      await this.#clock.sleep(Math.min(10, deadlineMs - this.#clock.now()), signal);
    }
    this.#refuseWithWeight(revision);
    const left = [...underWay];
    for (const serving of left) serving.end({ failed: true });
    return left.length;
  }

  async counters(signal: AbortSignal): Promise<ReadonlyMap<RevisionId, Counters>> {
    signal.throwIfAborted();
    return new Map(
      [...this.#tallies].map(([revision, { underWay, latencyCounts, ...sums }]) => [
        revision,
        { ...sums, inFlight: underWay.size, latencyEdgesMs: edgesMs, latencyCounts: [...latencyCounts] },
      ]),
    );
  }

  async buckets(query: BucketQuery, signal: AbortSignal): Promise<RouterBuckets> {
    signal.throwIfAborted();
    return this.#buckets.read(query);
  }

  instructions(to: Split): readonly string[] {
    return to.map((share) => `echo "${this.#route}: ${share.revision} ${share.percent} %"`);
  }

  serve(outcome: Outcome | ((revision: RevisionId) => Outcome) = {}): RevisionId | undefined {
    this.#checkAttendance();
    const revision = this.#next()?.revision;
    const tally = revision === undefined ? undefined : this.#tallies.get(revision);
    if (revision === undefined || tally === undefined) return undefined;
    const { failed = false, durationMs = 0 } = typeof outcome === "function" ? outcome(revision) : outcome;
    this.#buckets.arrived(this.#split);
    this.#buckets.ended(revision, failed, durationMs, count(tally, failed, durationMs));
    return revision;
  }

  edit(to: Split): void {
    this.#unattended = undefined;
    this.#apply(to, null);
  }

  begin(): Serving | undefined {
    this.#checkAttendance();
    const chosen = this.#next();
    const tally = chosen === undefined ? undefined : this.#tallies.get(chosen.revision);
    if (chosen === undefined || tally === undefined) return undefined;
    this.#buckets.arrived(this.#split);
    const beganMs = this.#clock.now();
    const serving: Serving = {
      revision: chosen.revision,
      end: ({ failed = false, durationMs = this.#clock.now() - beganMs } = {}) => {
        if (!tally.underWay.delete(serving)) return;
        const bin = count(tally, failed, durationMs);
        this.#buckets.ended(serving.revision, failed, durationMs, bin);
      },
    };
    tally.underWay.add(serving);
    return serving;
  }

  revertedUnattended(): boolean {
    this.#checkAttendance();
    return this.#reverted;
  }

  #admit(attempt: Attempt): void {
    rule(this.#route, this.#fence, attempt);
    this.#fence = attempt;
  }

  #apply(to: Split, by: Attempt | null): void {
    // A renewal must not begin the round anew: it would starve whoever's turn comes late in it.
    if (!sameWeights(this.#split, to)) this.#credit = new Map();
    this.#split = to;
    this.#onSplit(to, by);
    for (const { revision } of to) if (!this.#tallies.has(revision)) this.#tallies.set(revision, newTally());
  }

  #refuseWithWeight(revision: RevisionId): void {
    const percent = percentOf(this.#split, revision);
    if (percent === 0) return;
    throw new SluiceError({
      code: "ROUTER_DISAGREES",
      remedy: "operator",
      at: "memory-router.drain",
      message: `${revision} still has ${percent} % of route ${this.#route}.`,
      hint: "Shift its traffic away first. See the split: sluice status",
    });
  }

  #checkAttendance(): void {
    const due = this.#unattended;
    if (due === undefined || this.#clock.now() < due.deadlineMs) return;
    this.#unattended = undefined;
    this.#reverted = true;
    const back = this.#split.map((share) => ({ ...share, percent: share.revision === due.fallback ? 100 : 0 }));
    this.#apply(back, null);
  }

  /** Smooth weighted round robin: without chance, so that simulations repeat exactly. */
  #next(): Share | undefined {
    let most: Share | undefined;
    for (const share of this.#split) {
      this.#credit.set(share.revision, this.#creditOf(share) + share.percent);
      if (share.percent > 0 && (most === undefined || this.#creditOf(share) > this.#creditOf(most))) most = share;
    }
    if (most !== undefined) this.#credit.set(most.revision, this.#creditOf(most) - 100);
    return most;
  }

  #creditOf(share: Share): number {
    return this.#credit.get(share.revision) ?? 0;
  }
}

/** Most requests of a simulation take one of a few durations. */
const knownBins = new Map<number, number>();

function binOf(durationMs: number): number {
  const edge = edgesMs.findIndex((upper) => durationMs <= upper);
  const bin = edge < 0 ? edgesMs.length : edge;
  if (knownBins.size < 1_000) knownBins.set(durationMs, bin);
  return bin;
}

/** Returns the bin. */
function count(tally: Tally, failed: boolean, durationMs: number): number {
  const bin = knownBins.get(durationMs) ?? binOf(durationMs);
  tally.requests += 1;
  tally.errors += failed ? 1 : 0;
  tally.durationSumMs += durationMs;
  tally.latencyCounts[bin] = (tally.latencyCounts[bin] ?? 0) + 1;
  return bin;
}
