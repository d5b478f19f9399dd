/** B11: what a backup or drill came to, against the objectives: in the audit trail, and told to people where missed. */
import type { BackupManifest } from "../domain/backup.ts";
import { asJson } from "../domain/json.ts";
import { type MissedObjective, type ObjectiveState, objectivesNow } from "../domain/objectives.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { Parts } from "../pipeline/parts.ts";
import { appendForEnvironment } from "./environment-events.ts";
import { notifyNow } from "./notify-now.ts";

export async function tellMissed(parts: Parts, missed: readonly MissedObjective[]): Promise<void> {
  const { ledger, settings } = parts;
  for (const each of missed) {
    await appendForEnvironment(ledger, settings.environment, {
      step: "objectives",
      phase: "progress",
      title: each.title,
      tone: "warn",
      actor: null,
      detail: asJson(each),
    });
    const next = `See what there is: sluice backup list ${settings.environment}`;
    const told = {
      kind: "objective-missed",
      title: `${each.objective} missed`,
      message: `${each.title}.`,
      next,
    } as const;
    // Whoever asked for the backup may have left; people hear of it all the same.
    await notifyNow(parts, told, new AbortController().signal);
  }
}

export const objectiveStates = (
  { databases, environment, objectives }: EnvironmentSettings,
  manifests: readonly BackupManifest[],
  nowMs: number,
): readonly ObjectiveState[] =>
  objectives.rpoMs === null && objectives.rtoMs === null
    ? []
    : objectivesNow(
        objectives,
        environment,
        databases.map(({ name }) => name),
        manifests,
        nowMs,
      );
