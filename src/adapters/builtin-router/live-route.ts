/**
 * One route at work: its listener, its split and its revisions. Knows nothing of files, fences or commands; what it is
 * told to do has already been decided and written down.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { RevisionId, Split } from "../../domain/traffic.ts";
import { type Chosen, serve } from "./exchange.ts";
import { type Hidden, originPath } from "./headers.ts";
import { type Address, listening } from "./listener.ts";
import { sendProblem, writeProblem } from "./problem.ts";
import { createRevision, nextUpstream, type Revision, setEndpoints } from "./revision.ts";
import { hiddenBy, keptVersion, type Routing, senderOf, visitorOf, wishedVersion } from "./routing.ts";
import { shardOf } from "./session.ts";
import { serveUpgrade } from "./upgrade.ts";
import { type WeightedOrder, weightedOrder } from "./weighted-order.ts";

/** Revisions without weight whose counters are kept; the longest retired are forgotten first. */
const retiredKept = 32;

export class LiveRoute {
  readonly #name: string;
  readonly #nowMs: () => number;
  readonly #random: () => number;
  readonly #revisions = new Map<RevisionId, Revision>();
  #sinceMs: number;
  #split: Split = [];
  #serving: readonly (Revision | undefined)[] = [];
  #stable: RevisionId | null = null;
  #routing: Routing | undefined;
  #hidden: Hidden | undefined;
  #order: WeightedOrder;
  #server: Server | undefined;

  /** `nowMs`: milliseconds since the epoch, rising steadily. `random`: from 0 to below 1. */
  constructor(name: string, nowMs: () => number, random: () => number) {
    this.#name = name;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
    this.#random = random;
    this.#order = weightedOrder([], random);
  }

  get name(): string {
    return this.#name;
  }

  get listening(): boolean {
    return this.#server?.listening === true;
  }

  /** When this route began to count: it was made, the router's process started with it, or the clock jumped. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get split(): Split {
    return this.#split;
  }

  /** Refused with PORT_IN_USE. A listener at another address stops accepting, and finishes what it began. */
  async listen(at: Address): Promise<void> {
    const next = await listening(
      at,
      (request, response) => this.#onRequest(request, response),
      (request, socket, head) => this.#onUpgrade(request, socket, head),
    );
    this.#server?.close();
    this.#server = next;
  }

  /** From the next request on. Nothing under way is touched. */
  apply(split: Split): void {
    for (const share of split) {
      const revision = this.#revisions.get(share.revision) ?? createRevision(share.revision);
      // Entered again at the end: the map's order is the order of retirement.
      this.#revisions.delete(share.revision);
      this.#revisions.set(share.revision, revision);
      setEndpoints(revision, share.endpoints);
    }
    const percents = split.map((share) => share.percent);
    this.#split = split;
    this.#serving = split.map((share) => this.#revisions.get(share.revision));
    this.#order = weightedOrder(percents, this.#random);
    this.#retire();
  }

  /** Whom testers mean by `stable`. Null: nobody says, and whoever was meant is kept while it is in the split. */
  means(stable: RevisionId | null): void {
    this.#stable = stable ?? this.#split.find((share) => share.revision === this.#stable)?.revision ?? null;
  }

  /** From the next request on. Undefined: the weights alone decide. */
  route(routing: Routing | undefined): void {
    this.#routing = routing;
    this.#hidden = hiddenBy(routing);
  }

  revision(id: RevisionId): Revision | undefined {
    return this.#revisions.get(id);
  }

  /** Those with and without weight, as long as their counters are kept. */
  revisions(): readonly Revision[] {
    return [...this.#revisions.values()];
  }

  /** After a jump of the clock nobody could say any more what was when. */
  forgetBuckets(): void {
    for (const { meter } of this.#revisions.values()) meter.forget();
    this.#sinceMs = this.#nowMs();
  }

  /** Stops accepting; resolves when all connections are gone. */
  async close(): Promise<void> {
    const stopped = this.#server;
    this.#server = undefined;
    if (stopped === undefined) return;
    await new Promise<void>((resolve) => {
      stopped.close(() => resolve());
      stopped.closeIdleConnections();
    });
  }

  #choose(request: IncomingMessage, forwardedFor: string): Chosen | undefined {
    const { key, wish, setCookie } = visitorOf(request, this.#routing);
    const wished = wish === undefined ? -1 : wishedVersion(this.#split, wish, this.#stable);
    const from = wished >= 0 ? "tester" : senderOf(request);
    const revision = this.#serving[from === "tester" ? wished : this.#byWeight(key)];
    const upstream = revision === undefined ? undefined : nextUpstream(revision);
    if (revision === undefined || upstream === undefined) return undefined;
    if (from === "user") this.#expect(key === undefined ? undefined : revision);
    return { revision, upstream, shard: shardOf(request, forwardedFor, key), from, setCookie };
  }

  #byWeight(key: string | undefined): number {
    return key === undefined ? this.#order.next() : keptVersion(this.#split, key);
  }

  /**
   * Notes to whom a request is due, so that what a revision answers can be compared with it: to the one its user keeps, since
   * busy users are no fault of a version, else to each by its weight.
   */
  #expect(kept: Revision | undefined): void {
    const nowMs = this.#nowMs();
    kept?.meter.expect(1, nowMs);
    for (let i = 0; kept === undefined && i < this.#serving.length; i++) {
      const percent = this.#split[i]?.percent ?? 0;
      if (percent > 0) this.#serving[i]?.meter.expect(percent / 100, nowMs);
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const path = originPath(request.url ?? "");
    const choose = (forwardedFor: string) => this.#choose(request, forwardedFor) ?? this.#refuse(response);
    if (path === undefined) sendProblem(response, 400, this.#noPath(request));
    else serve({ request, response, path, hidden: this.#hidden, nowMs: this.#nowMs, choose });
  }

  #refuse(response: ServerResponse): undefined {
    sendProblem(response, 503, this.#noneServes());
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = originPath(request.url ?? "");
    const forwardedFor = request.headers["x-forwarded-for"]?.toString() ?? "";
    const chosen = path === undefined ? undefined : this.#choose(request, forwardedFor);
    if (path === undefined) writeProblem(socket, 400, this.#noPath(request));
    else if (chosen === undefined) writeProblem(socket, 503, this.#noneServes());
    else serveUpgrade({ request, socket, head, path, hidden: this.#hidden, ...chosen, nowMs: this.#nowMs });
  }

  #noPath(request: IncomingMessage): string {
    return `Route ${this.#name}: ${request.url} is not a path.`;
  }

  #noneServes(): string {
    return `Route ${this.#name}: no revision serves.`;
  }

  #retire(): void {
    const retired = this.revisions().filter(({ id }) => !this.#split.some((share) => share.revision === id));
    const nowMs = this.#nowMs();
    for (const revision of retired) {
      setEndpoints(revision, []);
      // They count nothing any more, so nothing else would make them forget.
      revision.meter.tidy(nowMs);
    }
    const done = retired.filter((revision) => revision.underWay.size === 0);
    for (const { id } of done.slice(0, Math.max(0, done.length - retiredKept))) this.#revisions.delete(id);
  }
}
