/**
 * Runs stages durably: journals the intent, checks the charge, tells the story, remembers what to undo. Nobody else writes a
 * `catch` for compensation; losing the flow passes through everything (architecture.md, rules 2 to 4).
 */
import type { Attempt } from "../domain/attempt.ts";
import { humanDuration } from "../domain/duration.ts";
import { type Failure, failureOf, SluiceError } from "../domain/errors.ts";
import type { NewEvent } from "../domain/events.ts";
import { asJson, type Json } from "../domain/json.ts";
import type { Plan } from "../domain/plan.ts";
import { type Flow, FlowLost } from "../ports/flow.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import type { Parts } from "./parts.ts";
import type { Notify, Stage, StageContext, Touches } from "./stage.ts";
import { openTelling, type Telling } from "./telling.ts";
import { openTraffic, type Traffic } from "./traffic.ts";

interface Started {
  readonly stage: Stage<never, unknown, unknown>;
  readonly intent: unknown;
}

export class Run {
  readonly flow: Flow;
  readonly parts: Parts;
  readonly row: DeploymentRow;
  readonly traffic: Traffic;
  readonly #telling: Telling;
  #attempt: Attempt;
  readonly #started: Started[] = [];
  readonly #cancel = new AbortController();
  readonly #lost = new AbortController();
  readonly #outputs = new Map<string, unknown[]>();
  readonly #undone: string[] = [];
  #undoing = false;
  #progressCount = 0;

  constructor(flow: Flow, parts: Parts, row: DeploymentRow, attempt: Attempt) {
    this.flow = flow;
    this.parts = parts;
    this.row = row;
    this.#attempt = attempt;
    this.traffic = openTraffic(parts.routers, parts.settings.rollout.unattendedMs);
    this.#telling = openTelling(parts, row, { attempt: () => this.#attempt, lost: this.#lost.signal });
  }

  get attempt(): Attempt {
    return this.#attempt;
  }

  /** Cancelled by a person: long steps end, waits end, the undo follows. */
  cancel(by: string, reason: string): void {
    if (this.#undoing || this.#cancel.signal.aborted) return;
    this.#cancel.abort(
      new SluiceError({
        code: "CANCELLED",
        remedy: "operator",
        at: "pipeline.run",
        message: `Cancelled by ${by}: ${reason}`,
        hint: `See what was undone: sluice status ${this.row.id}`,
      }),
    );
  }

  /** Another process is in charge: nothing more may be done here, not even compensation. */
  lose(reason: string): void {
    this.#lost.abort(new FlowLost(reason));
  }

  get lostSignal(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * The new version is the stable one, and the one before may be gone in a moment: nothing may be undone from here on, and a
   * cancel comes too late.
   */
  passPointOfNoReturn(): void {
    this.#started.length = 0;
    this.#undoing = true;
  }

  /** While undoing, a cancel changes nothing any more; only losing the flow stops it. */
  get signal(): AbortSignal {
    return this.#undoing ? this.#lost.signal : AbortSignal.any([this.#cancel.signal, this.#lost.signal]);
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
    this.#undoing = true;
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

  /** A line of the story. A replay tells it again; the ledger drops the repeat by its key. */
  async tell(
    step: string,
    key: string,
    title: string,
    tone: NewEvent["tone"] = "info",
    detail: Json = {},
  ): Promise<void> {
    await this.#telling.append({ step, phase: "progress", key, title, tone, detail });
  }

  /** N1: into the outbox, one row per channel that wants it. Delivery is somebody else's worry, so nothing waits for it. */
  notify(...text: Parameters<Notify>): Promise<void> {
    return this.#telling.notify(...text);
  }

  /** The plan stands before anything changes: everybody who follows sees the same one. */
  async announce({ plan, digest }: { readonly plan: Plan; readonly digest: string }): Promise<void> {
    await this.tell("plan", "announced", `plan ${digest.slice(0, 12)}, risk ${plan.risk.level}`, "info", {
      digest,
      plan: asJson(plan),
    });
    await this.notify("started", {
      title: `${plan.release.version} to ${plan.environment}`,
      message: `${plan.changes.length} commits, ${plan.migrations.length} migrations, risk ${plan.risk.level}. Started by ${this.row.startedBy}.`,
      next: `sluice status ${this.row.id}`,
    });
  }

  context(step: string): StageContext {
    const folder = this.parts.runFolder(this.row.id);
    return {
      flow: this.flow,
      parts: this.parts,
      deploymentId: this.row.id,
      version: this.row.version,
      attempt: this.#attempt,
      signal: this.signal,
      traffic: this.traffic,
      guard: this.#telling.guard,
      progress: (title, detail = {}, tone = "info") =>
        this.#telling.append({ step, phase: "progress", key: `p${++this.#progressCount}`, title, tone, detail }),
      tell: (key, title, tone, detail) => this.tell(step, key, title, tone, detail),
      notify: (kind, text) => this.notify(kind, text),
      throwIfEnded: () => this.signal.throwIfAborted(),
      takeAttempt: (attempt) => {
        this.#attempt = attempt;
      },
      log: (file, line) => folder.append(file, `${new Date(this.parts.clock.now()).toISOString()}  ${line}\n`),
    };
  }

  async #intend<Input, Intent, Output>(stage: Stage<Input, Intent, Output>, input: Input): Promise<Intent> {
    const intent = await this.flow.step(`${stage.name}: intent`, async () => {
      this.signal.throwIfAborted();
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
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
    // Libraries wrap an abort in errors of their own; what the person said is what counts.
    const cause = this.signal.aborted ? this.signal.reason : thrown;
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
        if (clock.now() + waitMs > givesUpAtMs) throw new SluiceError(failure);
        await ctx.progress(`could not undo ${stage.name} yet: ${failure.message}`, {}, "warn");
        await clock.sleep(waitMs, ctx.signal);
      }
    }
  }
}
