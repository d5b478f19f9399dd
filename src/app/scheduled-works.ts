/** What each scheduled task is: the same flows as by hand. */
import { humanBytes } from "../domain/duration.ts";
import { asJson } from "../domain/json.ts";
import type { ScheduledTask } from "../domain/schedule.ts";
import { restoreDrill } from "./drill.ts";
import { backupAlone } from "./layers.ts";
import { planPruning, prune } from "./prune.ts";
import type { ScheduledWork } from "./schedule.ts";

const scheduler = "the schedule";

/** @param rollbackDrill starts deployments, which takes a worker: the caller knows how. */
export const scheduledWorks = (rollbackDrill: ScheduledWork): Readonly<Record<ScheduledTask, ScheduledWork>> => ({
  "rollback-drill": rollbackDrill,
  backup: async (parts, reporter) => {
    const manifests = await backupAlone(parts, reporter);
    const words = manifests.map(({ database, level, sizeBytes }) => `${database} ${level}, ${humanBytes(sizeBytes)}`);
    return { title: words.join("; "), detail: asJson(manifests.map(({ id, level }) => ({ id, level }))) };
  },
  "restore-drill": async (parts, reporter) => {
    const drills = await restoreDrill(parts, scheduler, reporter);
    const words = drills.map(
      ({ database, gap, rows, tables }) =>
        `${database} restored: ${tables} tables, ${rows} rows${gap === null ? "" : `; ${gap}`}`,
    );
    return { title: words.join("; "), detail: asJson(drills) };
  },
  prune: async (parts, { signal }) => {
    const plan = await planPruning(parts, signal);
    await prune(parts, plan, signal);
    const removed = [
      ...plan.prune.map(({ manifest }) => manifest.id),
      ...plan.leftOvers.map(({ location }) => location),
    ];
    const kept = plan.keep.length;
    return { title: `${removed.length} removed, ${kept} kept`, detail: asJson({ removed, kept }) };
  },
});
