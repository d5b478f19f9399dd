/** X1: what a failed stage leads to is a setting: back at once, hold for a person, or alert and go on. */
import { SluiceError } from "../domain/errors.ts";
import { failureAction } from "../domain/rollout.ts";
import type { RollbackTrigger } from "../domain/settings.ts";
import { peopleTopic } from "../ports/ledger.ts";
import type { Run } from "./run.ts";

/** `alerted` and `promoted`: it failed, and the deployment goes on nevertheless, as configured or as a person decided. */
export async function withFailureAction(
  run: Run,
  trigger: RollbackTrigger,
  stage: () => Promise<unknown>,
): Promise<"passed" | "alerted" | "promoted"> {
  try {
    await stage();
    return "passed";
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.failure.code === "CANCELLED") throw thrown;
    const action = failureAction(run.parts.settings, trigger, thrown.failure.code);
    if (action === "roll-back") throw thrown;
    // The same trigger may fail again at the next weight: that is another line, and another message.
    const occasion = `${trigger} ${run.begun}`;
    const { message } = thrown.failure;
    await run.tell(trigger, `on-failure-${occasion}`, `${message} (configured: ${action})`, "bad", { action });
    if (action === "hold") {
      await hold(run, trigger, thrown);
      return "promoted";
    }
    await alert(run, trigger, message);
    return "alerted";
  }
}

async function alert(run: Run, trigger: RollbackTrigger, message: string): Promise<void> {
  await run.notify("alert", {
    title: `${run.row.version} in ${run.parts.settings.environment}: ${trigger} failed, going on as configured (${run.begun})`,
    message,
    next: `sluice status ${run.row.id} · or go back: sluice cancel ${run.row.id} --reason "…"`,
  });
}

/** The weight stays as it is and is attended; a person promotes or cancels, and at the limit the traffic goes back. */
async function hold(run: Run, trigger: RollbackTrigger, failure: SluiceError): Promise<void> {
  const { settings } = run.parts;
  await run.notify("rollback-triggered", {
    title: `${run.row.version} is held in ${settings.environment} after ${trigger} ${run.begun}: a person must decide`,
    message: failure.failure.message,
    next: `sluice promote ${run.row.id} · or go back: sluice cancel ${run.row.id} --reason "…"`,
  });
  const endsAtMs = (await run.flow.now()) + settings.approvals.timeoutMs;
  for (;;) {
    await run.state("waiting");
    const leftMs = endsAtMs - (await run.flow.now());
    if (leftMs <= 0) throw failure;
    const message = await run.flow.waitFor(peopleTopic, leftMs);
    await run.stillWanted();
    if (isPromotion(message)) break;
  }
  await run.tell(trigger, `promoted-by-hand-${run.begun}`, "a person decided to go on", "warn");
}

const isPromotion = (message: unknown): boolean =>
  typeof message === "object" && message !== null && (message as { kind?: unknown }).kind === "promote";
