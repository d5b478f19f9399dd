/**
 * Runs stages durably: journals the intent, checks the charge, tells the story, remembers what to undo. Nobody else writes a
 * `catch` for compensation; losing the flow passes through everything (architecture.md, rules 2 to 4).
 */
import type { Attempt } from "../domain/attempt.ts";
import { humanDuration } from "../domain/duration.ts";
import { type Failure, failureOf, SluiceError } from "../domain/errors.ts";
import type { NewEvent } from "../domain/events.ts";
import { asJson, type Json } from "../domain/json.ts";
import { superseded } from "../domain/supersede.ts";
import { type Flow, FlowLost } from "../ports/flow.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";
import { Charge } from "./charge.ts";
import { type Outbox, outboxOf } from "./outbox.ts";
import type { Parts } from "./parts.ts";
import { type Log, openLog } from "./run-log.ts";
import type { Notify, Stage, StageContext, Touches } from "./stage.ts";
import { steadyLedger } from "./steady-ledger.ts";
import { openTelling, type Telling } from "./telling.ts";
import { openTraffic, type Traffic } from "./traffic.ts";

interface Started {
  readonly stage: Stage<never, unknown, unknown>;
  readonly intent: unknown;
}

export class Run {
  readonly flow: Flow;
  readonly parts: Parts;
  /** Answers or fails at once, for what is tried again anyway. */
  readonly ledgerAtOnce: Ledger;
  readonly row: DeploymentRow;
  readonly charge: Charge;
  readonly traffic: Traffic;
  readonly outbox: Outbox;
  readonly #telling: Telling;
  readonly #log: Log;
  readonly #started: Started[] = [];
  readonly #outputs = new Map<string, unknown[]>();
  readonly #undone: string[] = [];
  #progressCount = 0;

  constructor(flow: Flow, parts: Parts, row: DeploymentRow, attempt: Attempt) {
    this.flow = flow;
    this.row = row;
    this.charge = new Charge(row.id, attempt);
    this.parts = { ...parts, ledger: steadyLedger(parts.ledger, parts.clock, this.charge.lost) };
    this.ledgerAtOnce = parts.ledger;
    this.outbox = outboxOf(parts, row.id);
    this.traffic = openTraffic(parts.routers, parts.settings.rollout.unattendedMs);
    this.#telling = openTelling(this.parts, row, this.charge);
    this.#log = openLog(this.parts, row.id, (title) => this.context("log").progress(title, {}, "warn"));
  }

  get attempt(): Attempt {
    return this.charge.attempt;
  }

  /** Another process is in charge when this is aborted. */
  get lostSignal(): AbortSignal {
    return this.charge.lost;
  }

  /**
   * The new version is the stable one, and the one before may be gone in a moment: nothing may be undone from here on, and a
   * cancel comes too late.
   */
  passPointOfNoReturn(): void {
    this.#started.length = 0;
    this.charge.ignoreCancel();
  }

  async do<Input, Intent, Output>(stage: Stage<Input, Intent, Output>, input: Input): Promise<Output> {
    const intent = await this.#intend(stage, input);
    return this.#perform(stage, intent);
  }

  /** What a stage returned, each time it ran to its end; a replay finds the same in the journal. */
  outputsOf<Output>(
    stage:
      | Stage<never, unknown, Output>
      | { readonly name: string; readonly run: (...args: never[]) => Promise<Output> },
  ): readonly Output[] {
    return (this.#outputs.get(stage.name) ?? []) as Output[];
  }

  /** Names of the stages that were undone, in that order. */
  get undone(): readonly string[] {
    return this.#undone;
  }

  /** Two stages side by side: both intents first, then both runs begun before either is awaited (ports/flow.ts). */
  async together<I1, N1, O1, I2, N2, O2>(
    first: readonly [Stage<I1, N1, O1>, I1],
    second: readonly [Stage<I2, N2, O2>, I2],
  ): Promise<[O1, O2]> {
    const firstIntent = await this.#intend(...first);
    const secondIntent = await this.#intend(...second);
    const running = [this.#perform(first[0], firstIntent), this.#perform(second[0], secondIntent)] as const;
    // Both must have ended before anything is undone: an undo beside a running stage would race it.
    const ended = await Promise.allSettled(running);
    const failed = ended.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    return Promise.all(running);
  }

  /** Undoes in reverse order. Returns what could not be undone in time; the rest is undone nevertheless. */
  async undoAll(patienceMs: number): Promise<readonly Failure[]> {
    this.charge.ignoreCancel();
    const failures: Failure[] = [];
    const undone = new Set<string>();
    for (const { stage, intent } of [...this.#started].reverse()) {
      if (!stage.undo || undone.has(stage.name)) continue;
      undone.add(stage.name);
      try {
        await this.#step(
          `undo ${stage.name}`,
          (ctx) => this.#undoPatiently(stage, intent, ctx, patienceMs),
          () => "undone",
        );
        this.#undone.push(stage.name);
      } catch (thrown) {
        if (thrown instanceof FlowLost) throw thrown;
        failures.push(failureOf(thrown, `undo ${stage.name}`));
      }
    }
    return failures;
  }

  /** How many stages have begun: the same number in every replay. */
  get begun(): number {
    return this.#started.length;
  }

  /** What the stages begun so far touch: decides between refused, failed and rolled back. */
  get touched(): ReadonlySet<Touches> {
    return new Set(this.#started.map(({ stage }) => stage.touches));
  }

  /** One journal step outside any stage: reports, records. */
  async record<T>(name: string, body: (ctx: StageContext) => Promise<T>): Promise<T> {
    return this.flow.step(name, async () => body(this.context(name)));
  }

  /** The row's state, for those who look at it. */
  async state(state: Parameters<Ledger["setState"]>[1]): Promise<void> {
    await this.record(state, async () => {
      await this.parts.ledger.setState(this.row.id, state, this.attempt);
      return null;
    });
  }

  /**
   * Between two waits for people: throws where one of them cancelled, or a newer release took its place. Their message may be here before the heartbeat has seen
   * it, so the row is asked; and a flow that waited on would not be woken again.
   */
  async stillWanted(): Promise<void> {
    await this.record("still wanted", async () => {
      const row = await this.parts.ledger.deployment(this.row.id);
      if (row?.cancelRequested) this.charge.cancel(row.cancelRequested.by, row.cancelRequested.reason);
      this.charge.signal.throwIfAborted();
      if (row?.superseded) throw superseded(row.id, row.environment, row.superseded);
      await this.parts.ledger.setState(this.row.id, "running", this.attempt);
      return null;
    });
  }

  /** A line of the story from between the stages: journalled, so that a replay does not tell it again. */
  async tell(
    step: string,
    key: string,
    title: string,
    tone: NewEvent["tone"] = "info",
    detail: Json = {},
  ): Promise<void> {
    await this.record(`tell ${key}`, async () => {
      await this.#telling.append({ step, phase: "progress", key, title, tone, detail });
      return null;
    });
  }

  /** N1: into the outbox, one row per channel that wants it. Delivery is somebody else's worry, so nothing waits for it. */
  notify(...text: Parameters<Notify>): Promise<void> {
    return this.#telling.notify(...text);
  }

  context(step: string): StageContext {
    return {
      flow: this.flow,
      parts: this.parts,
      deploymentId: this.row.id,
      version: this.row.version,
      attempt: this.attempt,
      signal: this.charge.signal,
      traffic: this.traffic,
      guard: this.#telling.guard,
      progress: (title, detail = {}, tone = "info") =>
        this.#telling.append({ step, phase: "progress", key: `p${++this.#progressCount}`, title, tone, detail }),
      tell: (key, title, tone, detail) => this.tell(step, key, title, tone, detail),
      notify: (kind, text) => this.notify(kind, text),
      stillWanted: () => this.stillWanted(),
      changeAttempt: (change) => this.charge.changeAttempt(change),
      log: this.#log,
    };
  }

  async #intend<Input, Intent, Output>(stage: Stage<Input, Intent, Output>, input: Input): Promise<Intent> {
    const intent = await this.flow.step(`${stage.name}: intent`, async () => {
      this.charge.signal.throwIfAborted();
      return stage.prepare(input);
    });
    this.#started.push({ stage: stage as unknown as Started["stage"], intent });
    return intent;
  }

  /** Begins the run in the same tick: `together` relies on the order of calls. */
  #perform<Input, Intent, Output>(stage: Stage<Input, Intent, Output>, intent: Intent): Promise<Output> {
    const running = stage.waits
      ? stage.run(intent, this.context(stage.name))
      : this.#step(
          stage.name,
          (ctx) => stage.run(intent, ctx),
          (output) => stage.summary(output, intent),
        );
    return running.then((output) => {
      if (stage.touches === "lock") this.charge.needsLock();
      this.#outputs.set(stage.name, [...(this.#outputs.get(stage.name) ?? []), output]);
      return output;
    });
  }

  #step<Output>(
    name: string,
    body: (ctx: StageContext) => Promise<Output>,
    summary: (output: Output) => string,
  ): Promise<Output> {
    // Several rollout steps share a name; the position tells their events apart.
    const key = String(this.#started.length);
    return this.flow.step(name, async () => {
      await this.#telling.guard();
      const startedAtMs = this.parts.clock.now();
      await this.#telling.append({ step: name, phase: "begin", key, title: name, tone: "info", detail: {} });
      try {
        const output = await body(this.context(name));
        const tookMs = this.parts.clock.now() - startedAtMs;
        await this.#telling.append({
          step: name,
          phase: "end",
          key,
          title: summary(output),
          tone: "ok",
          detail: { tookMs },
        });
        return output;
      } catch (thrown) {
        const failure = this.#translate(thrown, name);
        const tookMs = this.parts.clock.now() - startedAtMs;
        await this.#telling.append({
          step: name,
          phase: "end",
          key,
          title: failure.message,
          tone: "bad",
          detail: { tookMs, failure: asJson(failure), took: humanDuration(tookMs) },
        });
        throw new SluiceError(failure);
      }
    });
  }

  /** Being stale is not a failure of the deployment: somebody else is running it. */
  #translate(thrown: unknown, at: string): Failure {
    if (thrown instanceof FlowLost) throw thrown;
    if (this.charge.lost.aborted) throw this.charge.lost.reason;
    // Libraries wrap an abort in errors of their own; what the person said is what counts.
    const cause = this.charge.signal.aborted ? this.charge.signal.reason : thrown;
    const failure = failureOf(cause, at);
    if (failure.code === "STALE_ATTEMPT") throw new FlowLost(failure.message);
    return this.parts.redactor.json(asJson(failure)) as unknown as Failure;
  }

  async #undoPatiently(stage: Started["stage"], intent: unknown, ctx: StageContext, patienceMs: number): Promise<void> {
    const { clock } = this.parts;
    const givesUpAtMs = clock.now() + patienceMs;
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2000)) {
      try {
        await this.#telling.guard();
        await stage.undo?.(intent, ctx);
        return;
      } catch (thrown) {
        const failure = this.#translate(thrown, `undo ${stage.name}`);
        if (failure.code === "LOCK_LOST" || clock.now() + waitMs > givesUpAtMs) throw new SluiceError(failure);
        await ctx.progress(`could not undo ${stage.name} yet: ${failure.message}`, {}, "warn");
        await clock.sleep(waitMs, ctx.signal);
      }
    }
  }
}
