/**
 * Who is in charge of this target, in `<root>/fence.json`. Read and, where the number rises, written just before each
 * change, by a caller that holds the target's lock.
 */
import { join } from "node:path";
import { type Attempt, type FenceRecord, ruleOnFence } from "../../domain/attempt.ts";
import { SluiceError } from "../../domain/errors.ts";
import { readJson, writeDurably } from "../durable-file.ts";

interface FenceFile {
  readonly last: FenceRecord;
  /** Set by a take-over, until the next claim. Nobody may act in between. */
  readonly disowned?: { readonly reason: string; readonly atMs: number };
}

export function fenceFile(root: string, environment: string) {
  const path = join(root, "fence.json");
  const read = () => readJson<FenceFile>(path);
  const write = (file: FenceFile) => writeDurably(path, `${JSON.stringify(file, null, 2)}\n`);

  async function admit(attempt: Attempt): Promise<void> {
    const file = await read();
    if (file?.disowned) throw foreign(environment, file.last, attempt);
    rule(environment, file?.last, attempt);
    // A higher number seen is a higher number obeyed, whether or not it was claimed first.
    if (file === undefined || file.last.n < attempt.n) await write({ last: recordOf(attempt) });
  }

  return {
    /** Nobody, once it is disowned: whoever asks before acting may go on to claim it. */
    async last(): Promise<FenceRecord | undefined> {
      const file = await read();
      return file?.disowned === undefined ? file?.last : undefined;
    },
    admit,
    async claim(attempt: Attempt): Promise<void> {
      const file = await read();
      const takenOver = file?.disowned !== undefined && file.last.ledgerId !== attempt.ledgerId;
      if (!takenOver) rule(environment, file?.last, attempt);
      await write({ last: recordOf(attempt) });
    },
    async disown(reason: string, atMs: number): Promise<void> {
      const file = await read();
      if (file !== undefined) await write({ last: file.last, disowned: { reason, atMs } });
    },
  };
}

const recordOf = ({ ledgerId, n, deploymentId }: Attempt): FenceRecord => ({ ledgerId, n, deploymentId });

function rule(environment: string, last: FenceRecord | undefined, attempt: Attempt): void {
  const ruling = ruleOnFence(last, attempt);
  if (last === undefined || ruling === "obey") return;
  throw ruling === "foreign" ? foreign(environment, last, attempt) : stale(environment, last, attempt);
}

function foreign(environment: string, last: FenceRecord, attempt: Attempt): SluiceError {
  return new SluiceError({
    code: "LEDGER_FOREIGN",
    remedy: "operator",
    at: "adapters.process.fence",
    message:
      `The target of ${environment} obeys ledger ${last.ledgerId} (deployment ${last.deploymentId}, attempt ${last.n}), ` +
      `not ledger ${attempt.ledgerId} (deployment ${attempt.deploymentId}).`,
    hint: `If that ledger is gone for good, take over: sluice lock take-over ${environment} --reason "…"`,
  });
}

function stale(environment: string, last: FenceRecord, attempt: Attempt): SluiceError {
  return new SluiceError({
    code: "STALE_ATTEMPT",
    remedy: "operator",
    at: "adapters.process.fence",
    message:
      `Attempt ${attempt.n} of deployment ${attempt.deploymentId} came too late: the target of ${environment} already obeys ` +
      `attempt ${last.n} of deployment ${last.deploymentId}.`,
    hint: `See which deployment is in charge: sluice status ${environment}`,
  });
}
