/**
 * Z4: at a deployment's end its story so far, and its environment's, get a checkpoint in a second place. Only of a story that is
 * intact: what was tampered with before must not be certified. A place that cannot be written to is told and fails nothing.
 */
import { type Chain, chainFault, chainName } from "../domain/audit.ts";
import { failureOf } from "../domain/errors.ts";
import { FlowLost } from "../ports/flow.ts";
import type { Run } from "./run.ts";
import type { StageContext } from "./stage.ts";

/** Inside a journal step; a repeat writes the same again. */
export async function leaveCheckpoints(run: Run, ctx: StageContext): Promise<void> {
  const chains: readonly Chain[] = [
    { kind: "deployment", id: run.row.id },
    { kind: "environment", id: run.row.environment },
  ];
  try {
    for (const chain of chains) await leaveCheckpoint(run, ctx, chain);
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    const { code, message } = failureOf(thrown, "pipeline.checkpoint");
    await ctx.progress(`the audit trail has no checkpoint of this deployment: ${message} (${code})`, {}, "warn");
  }
}

async function leaveCheckpoint(run: Run, ctx: StageContext, chain: Chain): Promise<void> {
  const { checkpoints, clock, ledger, sha256 } = run.parts;
  const stored = await ledger.chain(chain);
  const fault = chainFault(stored, sha256);
  if (fault) {
    const where = `${chainName(chain)}, event ${fault.seq}`;
    await ctx.progress(`the audit trail was changed: ${where}: ${fault.message}. See: sluice audit verify`, {}, "bad");
    return;
  }
  if (stored.end === null || stored.end.seq === 0) return;
  await checkpoints.append({ ledgerId: ledger.id, chain, ...stored.end, atMs: clock.now() }, run.lostSignal);
}
