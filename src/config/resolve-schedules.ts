/** What happens by itself, with its time zone, and the objectives. */
import type { ScheduledSettings } from "../domain/schedule.ts";
import type { CompleteEnvironment } from "./schema.ts";

export const scheduledSettings = ({ objectives, schedules }: CompleteEnvironment): ScheduledSettings => ({
  schedules: Object.entries(schedules).map(([name, { cron, run, timeZone }]) => ({
    name,
    cron,
    timeZone: timeZone ?? "UTC",
    run,
  })),
  objectives: { rpoMs: objectives.rpo ?? null, rtoMs: objectives.rto ?? null },
});
