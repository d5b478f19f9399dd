/** P3 L1: a release whose plan stands takes the place of older ones that still wait, and learns whether it lost its own. */
import { superseded, whosePlace } from "../domain/supersede.ts";
import type { Run } from "./run.ts";

/** Those that hold the lock already are left alone; the ledger decides that as of one moment. */
export async function supersedeOlder(run: Run): Promise<void> {
  const { environment, id, version } = run.row;
  await run.record("supersede", async ({ parts: { ledger }, progress }) => {
    const underWay = await ledger.deployments({ environment, unfinished: true });
    const own = underWay.find((row) => row.id === id);
    if (own?.superseded) throw superseded(id, environment, own.superseded);
    for (const older of whosePlace(id, underWay)) {
      if (!(await ledger.supersede(older.id, { by: id, version }))) continue;
      await progress(
        `takes the place of ${older.version} (deployment ${older.id}, started by ${older.startedBy})`,
        { supersedes: older.id },
        "warn",
      );
    }
    return null;
  });
}
