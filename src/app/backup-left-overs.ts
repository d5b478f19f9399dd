/** What killed processes left behind in the store. Nothing younger than a day is touched: it may still be written. */
import type { Parts } from "../pipeline/parts.ts";
import type { LeftOver } from "../ports/backup-store.ts";

const dayMs = 24 * 60 * 60 * 1000;

export async function leftOversOf(
  { backups, clock }: Pick<Parts, "backups" | "clock">,
  signal: AbortSignal,
): Promise<readonly LeftOver[]> {
  return (await backups.leftOvers?.(clock.now() - dayMs, signal)) ?? [];
}
