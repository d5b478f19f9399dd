/** X1: what a failed stage leads to is a setting: back at once, hold for a person, or alert and go on. */
import { SluiceError } from "../domain/errors.ts";
import type { RollbackTrigger } from "../domain/settings.ts";
import { peopleTopic } from "../ports/ledger.ts";
import type { Run } from "./run.ts";

export async function withFailureAction(
  run: Run,
  trigger: RollbackTrigger,
  stage: () => Promise<unknown>,
): Promise<void> {
  try {
    await stage();
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.failure.code === "CANCELLED") throw thrown;
    const action = actionFor(run, trigger, thrown);
    if (action === "roll-back") throw thrown;
    await run.tell(
      trigger,
      `on-failure-${thrown.failure.at}`,
      `${thrown.failure.message} (configured: ${action})`,
      "bad",
      { action },
    );
    if (action === "hold") await hold(run, trigger, thrown);
  }
}

function actionFor(run: Run, trigger: RollbackTrigger, failure: SluiceError) {
  const { on } = run.parts.settings.rollback;
  return failure.failure.code === "HEALTH_FAILED" ? on.health : on[trigger];
}

/** The weight stays as it is and is attended; a person promotes or cancels, and at the limit the traffic goes back. */
async function hold(run: Run, trigger: RollbackTrigger, failure: SluiceError): Promise<void> {
  const { settings, ledger } = run.parts;
  await run.notify("rollback-triggered", {
    title: `${run.row.version} is held in ${settings.environment}: a person must decide`,
    message: failure.failure.message,
    next: `sluice promote ${run.row.id} · or go back: sluice cancel ${run.row.id} --reason "…"`,
  });
  const endsAtMs = (await run.flow.now()) + settings.approvals.timeoutMs;
  await ledger.setState(run.row.id, "waiting", run.attempt);
  for (;;) {
    const leftMs = endsAtMs - (await run.flow.now());
    if (leftMs <= 0) throw failure;
    const message = await run.flow.waitFor(peopleTopic, leftMs);
    await run.flow.step("still wanted", async () => run.signal.throwIfAborted());
    if (isPromotion(message)) break;
  }
  await ledger.setState(run.row.id, "running", run.attempt);
  await run.tell(trigger, "promoted-by-hand", "a person decided to go on", "warn");
}

const isPromotion = (message: unknown): boolean =>
  typeof message === "object" && message !== null && (message as { kind?: unknown }).kind === "promote";
