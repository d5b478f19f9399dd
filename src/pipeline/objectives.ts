/** B11: a deployment's backup is measured like any other; what it missed is part of the story, and people are told. */
import type { BackupManifest } from "../domain/backup.ts";
import { asJson } from "../domain/json.ts";
import { type MissedObjective, missedAtBackup } from "../domain/objectives.ts";
import type { Objectives } from "../domain/schedule.ts";
import type { Parts } from "./parts.ts";
import type { StageContext } from "./stage.ts";

/** What was just taken, against the one before it. */
export async function missedBy(
  parts: Pick<Parts, "backups" | "settings">,
  taken: readonly BackupManifest[],
  signal: AbortSignal,
): Promise<readonly MissedObjective[]> {
  // Undefined in the settings of a deployment that an earlier version began.
  const objectives: Objectives | undefined = parts.settings.objectives;
  if (objectives === undefined || (objectives.rpoMs === null && objectives.rtoMs === null)) return [];
  // One that cannot be trusted counts for nothing.
  const known = await parts.backups.list(signal, () => undefined);
  return taken.flatMap((manifest) => missedAtBackup(objectives, manifest, known));
}

export async function tellMissedObjectives(ctx: StageContext, taken: readonly BackupManifest[]): Promise<void> {
  const { environment } = ctx.parts.settings;
  for (const missed of await missedBy(ctx.parts, taken, ctx.signal)) {
    await ctx.progress(missed.title, asJson(missed), "warn");
    const next = `See what there is: sluice backup list ${environment}`;
    await ctx.notify("objective-missed", { title: `${missed.objective} missed`, message: `${missed.title}.`, next });
  }
}
