/** What happens by itself, and what backups and restores are held to. */
import { z } from "zod";
import { scheduledTasks } from "../domain/schedule.ts";
import { cronFault, timeZoneFault } from "./cron.ts";
import { key, line, name, period, say, shown } from "./schema-values.ts";

const told = (fault: (text: string) => string | undefined, fix: string) =>
  line().superRefine((text, context) => {
    const problem = fault(text);
    if (problem) context.addIssue({ code: "custom", message: say(`${shown(text)}: ${problem}`, fix) });
  });

const Schedule = z
  .strictObject({
    cron: key(
      told(cronFault, 'write for example "0 2 * * *" for every night at two'),
      "When: minute, hour, day, month, weekday.",
      "0 2 * * *",
    ),
    timeZone: key(
      told(timeZoneFault, "write UTC, or a name such as Europe/Berlin").optional(),
      "Whose clock; UTC unless said otherwise.",
      "Europe/Berlin",
    ),
    run: key(
      z.enum(scheduledTasks),
      "What: a backup; a restore-drill or rollback-drill, timed and recorded; prune removes backups that nothing needs.",
      "backup",
    ),
  })
  .meta({ description: "One thing that happens by itself; `sluice schedule run` does what is due (B6)." });

export const Schedules = key(
  z.record(name("a schedule"), Schedule),
  "What happens by itself, by name (B6, B12). Somebody must call `sluice schedule run`: `sluice schedule systemd` says how.",
  { nightly: { cron: "0 2 * * *", run: "backup" } },
);

export const Objectives = z
  .strictObject({
    rpo: key(period().optional(), "At most so much is lost: the time between two backups.", "24h"),
    rto: key(period().optional(), "At most so long until a backup is restored and verified.", "30m"),
  })
  .meta({ description: "Recovery objectives, measured at every backup and drill, and told when missed (B11)." });
