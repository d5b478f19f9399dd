/** Is this process still in charge of its deployment, under which number, and is the deployment still wanted? */
import type { Attempt } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import { FlowLost } from "../ports/flow.ts";
import type { LockRow } from "../ports/ledger.ts";

export class Charge {
  readonly #deploymentId: string;
  readonly #cancel = new AbortController();
  readonly #lost = new AbortController();
  #attempt: Attempt;
  #change: Promise<void> = Promise.resolve();
  #deaf = false;
  #locked = false;

  constructor(deploymentId: string, attempt: Attempt) {
    this.#deploymentId = deploymentId;
    this.#attempt = attempt;
  }

  get attempt(): Attempt {
    return this.#attempt;
  }

  /** The present one, once no change of it is under way. */
  async attemptKnown(): Promise<Attempt> {
    await this.#change;
    return this.#attempt;
  }

  /** The lock brings the next number; a heartbeat with the one before may be refused meanwhile (attendance.ts). */
  async changeAttempt(change: () => Promise<Attempt | undefined>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#change = promise;
    try {
      this.#attempt = (await change()) ?? this.#attempt;
    } finally {
      resolve();
    }
  }

  /** Cancelled by a person: long steps end, waits end, the undo follows. */
  cancel(by: string, reason: string): void {
    if (this.#deaf || this.#cancel.signal.aborted) return;
    this.#cancel.abort(
      new SluiceError({
        code: "CANCELLED",
        remedy: "operator",
        at: "pipeline.run",
        message: `Cancelled by ${by}: ${reason}`,
        hint: `See what was undone: sluice status ${this.#deploymentId}`,
      }),
    );
  }

  /** The lock stage has ended well, in this run or in the journal: from here on nothing is done without the lock. */
  needsLock(): void {
    this.#locked = true;
  }

  /** @param holder of the environment's lock, as the ledger says now. Throws LOCK_LOST where it should be ours and is not. */
  requireLock(environment: string, holder: LockRow | undefined): void {
    if (!this.#locked || holder?.deploymentId === this.#deploymentId) return;
    throw new SluiceError({
      code: "LOCK_LOST",
      remedy: "operator",
      at: "pipeline.lock",
      message: `The lock of ${environment} was taken from this deployment by hand${holder ? `; ${holder.heldBy} holds it now` : ""}. What it had begun was left as it was.`,
      hint: `A person must look: the next deployment stops what is left without traffic. See what serves: sluice status ${environment}`,
    });
  }

  /** From here on a cancel changes nothing any more: what happens now, the undo or the end, has to happen. */
  ignoreCancel(): void {
    this.#deaf = true;
  }

  /** Another process is in charge: nothing more may be done here, not even compensation. */
  lose(reason: string): void {
    this.#lost.abort(new FlowLost(reason));
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get signal(): AbortSignal {
    return this.#deaf ? this.#lost.signal : AbortSignal.any([this.#cancel.signal, this.#lost.signal]);
  }
}
