/** B11: an objective that no schedule can meet is refused, with what would meet it. */
import { largestGapMs } from "./cron.ts";
import type { Rule, Rulebook, RuledEnvironment } from "./findings.ts";
import { durationText } from "./text-forms.ts";

const hourMs = 3_600_000;
/** Any day: gaps are looked for over a year from then on. */
const fromMs = Date.UTC(2026, 0, 1);
const objectivesCanBeMet: Rule = (book) => {
  for (const environment of book.environments) {
    rpoCanBeMet(book, environment);
    somethingMeasures(book, environment);
  }
};

const backupsOf = ({ complete }: RuledEnvironment) =>
  Object.entries(complete.schedules).flatMap(([name, schedule]) =>
    schedule.run === "backup" ? [{ name, cron: schedule.cron, timeZone: schedule.timeZone ?? "UTC" }] : [],
  );

function rpoCanBeMet({ fault }: Rulebook, environment: RuledEnvironment): void {
  const { rpo } = environment.complete.objectives;
  const backups = backupsOf(environment);
  if (rpo === undefined || backups.length === 0) return;
  if (rpo < hourMs) {
    fault(
      environment.place("objectives", "rpo"),
      `dumps cannot keep the loss below ${durationText(rpo)}: each of them reads the whole database`,
      "archive the write-ahead log (point-in-time recovery) for that, and write 1h or more here",
    );
    return;
  }
  const gaps = backups.map((backup) => ({ ...backup, gapMs: largestGapMs(backup, fromMs) }));
  const closest = gaps.toSorted((a, b) => a.gapMs - b.gapMs)[0];
  if (closest === undefined || closest.gapMs <= rpo + slackMs(rpo)) return;
  fault(
    environment.place("schedules", closest.name, "cron"),
    `between two of its times pass up to ${durationText(closest.gapMs)}, and objectives.rpo is ${durationText(rpo)}`,
    `write for example ${JSON.stringify(cronFor(rpo))}, or a longer rpo`,
  );
}

/** "Every night" is what people mean by 24h, also in the night in which the clock is set back. */
const slackMs = (rpo: number): number => (rpo >= 24 * hourMs ? hourMs : 0);

function cronFor(rpo: number): string {
  const hours = Math.floor(rpo / hourMs);
  if (hours >= 24) return "0 2 * * *";
  const fitting = [12, 8, 6, 4, 3, 2].find((each) => each <= hours);
  return fitting === undefined ? "0 * * * *" : `0 */${fitting} * * *`;
}

function somethingMeasures({ warn }: Rulebook, environment: RuledEnvironment): void {
  const { rpo, rto } = environment.complete.objectives;
  const runs = Object.values(environment.complete.schedules).map(({ run }) => run);
  if (rpo !== undefined && !runs.includes("backup")) {
    warn(
      environment.place("objectives", "rpo"),
      "nothing backs it up by itself, so only deployments and people meet it",
      'write schedules: { nightly: { cron: "0 2 * * *", run: backup } }',
    );
  }
  if (rto !== undefined && !runs.includes("restore-drill")) {
    warn(
      environment.place("objectives", "rto"),
      "nothing measures a restore by itself",
      'write schedules: { drill: { cron: "0 4 1 * *", run: restore-drill } }',
    );
  }
}

const thereIsSomethingToRunOn: Rule = ({ configuration, environments, fault }) => {
  if (Object.keys(configuration.databases).length > 0) return;
  for (const { complete, place } of environments) {
    for (const [name, { run }] of Object.entries(complete.schedules)) {
      if (run === "rollback-drill") continue;
      fault(place("schedules", name, "run"), `there is no database for a ${run}`, "declare it under `databases`");
    }
  }
};

/** X8: what goes back by itself must come forward by itself: between the two it would wait for people. */
const drillsNeedNobody: Rule = ({ environments, fault }) => {
  for (const { complete, place } of environments) {
    const { required } = complete.approvals;
    for (const [name, { run }] of Object.entries(complete.schedules)) {
      if (run !== "rollback-drill" || required === 0) continue;
      fault(
        place("schedules", name, "run"),
        `the way forward needs ${required} approvals here, so the version before would serve until people are awake`,
        "drill where approvals.required is 0, or by hand: sluice drill rollback",
      );
    }
  }
};

export const scheduleRules: readonly Rule[] = [objectivesCanBeMet, thereIsSomethingToRunOn, drillsNeedNobody];
