/**
 * All routes of one router process: decides whether a command may act (fence), writes the result down, then applies it,
 * in that order and one command at a time. So what was acknowledged survives a kill -9, and a lower attempt cannot slip
 * in between.
 */
import type { Clock } from "../../ports/clock.ts";
import { routeUnknown, rule } from "./fence.ts";
import { LiveRoute } from "./live-route.ts";
import type { Command, LogEntry, Orders } from "./protocol.ts";
import type { RouterState, RouteState } from "./state-file.ts";
import { saveState } from "./state-file.ts";

/** Entries of the log that are kept. */
const logKept = 200;

/** How often a route whose port was taken at start tries again. */
const listenAgainMs = 1000;

export interface RouteTableOptions {
  readonly folder: string;
  readonly state: RouterState;
  readonly clock: Clock;
  /** Milliseconds since the epoch, rising steadily, for durations and buckets. */
  nowMs(): number;
  /** From 0 to below 1. */
  random(): number;
  /** One line for the process's log. */
  report(line: string): void;
}

export interface Entry {
  readonly name: string;
  readonly live: LiveRoute;
  readonly state: RouteState;
}

interface OwnEntry extends Entry {
  state: RouteState;
  /** Aborted when the split is renewed or replaced. */
  attendance: AbortController;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export class RouteTable {
  readonly #options: RouteTableOptions;
  readonly #entries = new Map<string, OwnEntry>();
  readonly #closing = new AbortController();
  #log: readonly LogEntry[];
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: RouteTableOptions) {
    this.#options = options;
    this.#log = options.state.log;
  }

  /** Takes up what the state says; a port that is taken is tried again until it is free. */
  async open(): Promise<void> {
    for (const [name, state] of Object.entries(this.#options.state.routes)) {
      const entry = this.#enter(name, state, this.#newLive(name));
      entry.live.route(state.routing);
      entry.live.apply(state.split);
      entry.live.means(state.unattended?.fallback ?? null);
      this.#attend(entry);
      await entry.live.listen(state).catch(() => void this.#listenWhenFree(entry));
    }
  }

  close(): void {
    this.#closing.abort();
    for (const entry of this.#entries.values()) entry.attendance.abort();
  }

  routes(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** Refused for an unknown route. */
  route(name: string): Entry {
    return this.#known(name);
  }

  log(): readonly LogEntry[] {
    return this.#log;
  }

  /** True when the route was made; false when it was there. */
  ensure(command: Command<"ensureRoute">): Promise<boolean> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(command.route);
      if (entry === undefined) await this.#create(command);
      else await this.#move(entry, command);
      return entry === undefined;
    });
  }

  /** False when there was none. */
  remove(command: Command<"removeRoute">): Promise<boolean> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(command.route);
      if (entry === undefined) return false;
      rule(entry.state.fence, command);
      await this.#save({ [command.route]: undefined }, this.#noteOf(command, "route removed"));
      this.#entries.delete(command.route);
      entry.attendance.abort();
      void entry.live.close().then(() => entry.live.apply([]));
      return true;
    });
  }

  claim(command: Command<"claim">): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#known(command.route);
      rule(entry.state.fence, command);
      await this.#commit(entry, { ...entry.state, fence: command.attempt });
    });
  }

  disown({ route, reason }: Command<"disown">): Promise<void> {
    return this.#inTurn(async () => {
      const note: LogEntry = { atMs: this.#options.clock.now(), route, what: "owner forgotten", reason };
      const entry = this.#known(route);
      await this.#commit(entry, { ...entry.state, fence: null }, note);
    });
  }

  /** False when the split was like that already; its deadline is renewed all the same. */
  shift(command: Command<"shift">): Promise<boolean> {
    return this.#inTurn(async () => {
      const entry = this.#known(command.route);
      rule(entry.state.fence, command);
      const { unattended: wish, split } = command;
      const deadlineMs = this.#options.clock.now() + (wish?.afterMs ?? 0);
      const unattended = wish === undefined ? null : { ...wish, deadlineMs };
      const changed = !same(split, entry.live.split);
      const fence = command.attempt ?? entry.state.fence;
      const next = { ...entry.state, split, fence, unattended, revertedUnattended: false };
      await this.#commit(entry, next, this.#noteOf(command, `shift to ${inWords(split)}`));
      return changed;
    });
  }

  /** Rules on an order that changes no state of its own, and remembers a higher attempt. */
  admit(command: Orders, what: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#known(command.route);
      rule(entry.state.fence, command);
      const next = { ...entry.state, fence: command.attempt ?? entry.state.fence };
      await this.#commit(entry, next, this.#noteOf(command, what));
    });
  }

  /** One change at a time, whether or not the one before succeeded. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(change, change);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  #known(name: string): OwnEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw routeUnknown(name, [...this.#entries.keys()]);
    return entry;
  }

  #enter(name: string, state: RouteState, live: LiveRoute): OwnEntry {
    const entry: OwnEntry = { name, state, live, attendance: new AbortController() };
    this.#entries.set(name, entry);
    return entry;
  }

  #newLive(name: string): LiveRoute {
    return new LiveRoute(name, this.#options.nowMs, this.#options.random);
  }

  async #create(command: Command<"ensureRoute">): Promise<void> {
    const { route, host, port, routing, attempt } = command;
    const live = this.#newLive(route);
    live.route(routing);
    await live.listen(command);
    const fence = attempt ?? null;
    const state: RouteState = { host, port, split: [], routing, fence, unattended: null, revertedUnattended: false };
    try {
      await this.#save({ [route]: state });
    } catch (error) {
      await live.close();
      throw error;
    }
    this.#enter(route, state, live);
  }

  async #move(entry: OwnEntry, command: Command<"ensureRoute">): Promise<void> {
    const { host, port, routing, attempt } = command;
    const moves = entry.state.host !== host || entry.state.port !== port;
    const changes = moves || !same(entry.state.routing, routing);
    if (changes) rule(entry.state.fence, command);
    if (moves || !entry.live.listening) await entry.live.listen({ host, port });
    const fence = attempt ?? entry.state.fence;
    if (changes) await this.#commit(entry, { ...entry.state, host, port, routing, fence });
  }

  /** Saves a route's next state, then makes it true. */
  async #commit(entry: OwnEntry, next: RouteState, note?: LogEntry): Promise<void> {
    if (note === undefined && same(next, entry.state)) return;
    await this.#save({ [entry.name]: next }, note);
    const splitChanged = !same(next.split, entry.live.split);
    entry.state = next;
    if (splitChanged) entry.live.apply(next.split);
    entry.live.means(next.unattended?.fallback ?? null);
    entry.live.route(next.routing);
    this.#attend(entry);
  }

  async #save(changes: Readonly<Record<string, RouteState | undefined>>, note?: LogEntry): Promise<void> {
    const now = Object.fromEntries([...this.#entries].map(([name, entry]) => [name, entry.state]));
    const routes = Object.fromEntries(
      Object.entries({ ...now, ...changes }).flatMap(([name, state]) => (state === undefined ? [] : [[name, state]])),
    ) as RouterState["routes"];
    const log = note === undefined ? this.#log : [...this.#log, note].slice(-logKept);
    await saveState(this.#options.folder, { format: 1, routes, log: [...log] });
    this.#log = log;
  }

  #noteOf(command: Orders, what: string): LogEntry | undefined {
    if (command.force !== true) return undefined;
    const atMs = this.#options.clock.now();
    return { atMs, route: command.route, what: `${what}, by force`, reason: command.reason ?? "" };
  }

  /** Waits for the deadline of a split that must be renewed. */
  #attend(entry: OwnEntry): void {
    entry.attendance.abort();
    entry.attendance = new AbortController();
    const { unattended } = entry.state;
    if (unattended === null) return;
    const { clock } = this.#options;
    const leftMs = Math.min(unattended.afterMs, Math.max(0, unattended.deadlineMs - clock.now()));
    const { signal } = entry.attendance;
    clock.sleep(leftMs, signal).then(
      () => this.#inTurn(async () => (signal.aborted ? undefined : this.#revert(entry, unattended))),
      () => undefined,
    );
  }

  async #revert(entry: OwnEntry, { fallback, afterMs }: { fallback: string; afterMs: number }): Promise<void> {
    const { clock, report } = this.#options;
    const split = entry.state.split.map((share) => ({ ...share, percent: share.revision === fallback ? 100 : 0 }));
    const what = `all traffic to ${fallback}`;
    const reason = `nobody renewed the split for ${afterMs} ms`;
    report(`${entry.name}: ${what}, ${reason}`);
    // Before it is written down: a full disk must not keep the traffic on an unattended candidate.
    entry.live.apply(split);
    entry.state = { ...entry.state, split, unattended: null, revertedUnattended: true };
    const note: LogEntry = { atMs: clock.now(), route: entry.name, what, reason };
    await this.#save({}, note).catch((error: unknown) => report(`${entry.name}: ${String(error)}`));
  }

  async #listenWhenFree(entry: OwnEntry): Promise<void> {
    const { clock, report } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#entries.get(entry.name) === entry && !entry.live.listening) {
      try {
        await entry.live.listen(entry.state);
      } catch (error) {
        report(`${entry.name}: ${String(error)}`);
        await clock.sleep(listenAgainMs, signal).catch(() => undefined);
      }
    }
  }
}

const inWords = (split: Command<"shift">["split"]): string =>
  split.map((share) => `${share.revision} ${share.percent} %`).join(", ") || "nobody";
