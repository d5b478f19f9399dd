/** B6: what happens by itself: shown, done where it is due, and who calls it. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Parts } from "../../app/model.ts";
import { type FiredRun, runDue, type ScheduleState, scheduleStates } from "../../app/schedule.ts";
import { type CallerFile, systemdUnits } from "../../app/schedule-units.ts";
import { scheduledWorks } from "../../app/scheduled-works.ts";
import { exitCodes } from "../../domain/outcome.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { paint } from "../output.ts";
import { hanging, plural, table, timestamp } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import { reporterOf } from "../reporter.ts";
import type { Session } from "../session.ts";
import type { DryRunOption } from "./layers.ts";
import { rollbackDrillWork } from "./rollback-drill.ts";

/** Of one environment, or of all that have any. */
async function scheduledIn(session: Session, environment?: string): Promise<readonly EnvironmentSettings[]> {
  const { configuration, settings } = await session.project();
  const names = environment === undefined ? Object.keys(configuration.environments) : [environment];
  return names.map((name) => settings(name)).filter((each) => each.schedules.length > 0 || environment !== undefined);
}

export async function scheduleListCommand(session: Session, environment: string | undefined): Promise<number> {
  const { output } = session;
  const known = await scheduledIn(session, environment);
  const { ledger } = await session.state();
  const rows: (readonly string[])[] = [];
  const listed: object[] = [];
  for (const settings of known) {
    for (const state of await scheduleStates(ledger, settings)) {
      listed.push({ environment: settings.environment, ...state });
      rows.push(rowOf(settings.environment, state));
    }
  }
  const header = ["schedule", "runs", "when", "last", "next"].map((text) => paint.dim(text));
  const text =
    rows.length === 0 ? "nothing happens by itself" : table([header, ...rows], output.resultColumns()).join("\n");
  output.result({ schedules: listed }, text);
  output.next(rows.length === 0 ? "sluice validate" : `sluice schedule run ${environment ?? ""}`.trim());
  return 0;
}

function rowOf(environment: string, state: ScheduleState): readonly string[] {
  const { schedule, nextMs } = state;
  const when = `${schedule.cron}${schedule.timeZone === "UTC" ? "" : ` ${schedule.timeZone}`}`;
  return [
    `${environment}/${schedule.name}`,
    schedule.run,
    when,
    lastText(state),
    nextMs === null ? "never" : timestamp(nextMs),
  ];
}

function lastText({ last, missed, ruling }: ScheduleState): string {
  const due = ruling.kind === "due" ? (missed > 1 ? ` (due, ${missed} missed)` : " (due)") : "";
  if (last === null) return `never${due}`;
  if (ruling.kind === "running") return `runs since ${timestamp(last.claimedAtMs)}`;
  const how = { succeeded: glyph("ok"), failed: glyph("bad") };
  const sign = last.outcome === null ? `${glyph("bad")} died` : how[last.outcome];
  return `${sign} ${timestamp(last.endedAtMs ?? last.claimedAtMs)}${due}`;
}

export async function scheduleRunCommand(
  session: Session,
  environment: string | undefined,
  { dryRun }: DryRunOption,
): Promise<number> {
  const { output } = session;
  const known = await scheduledIn(session, environment);
  if (dryRun) return tellDue(session, known);
  const fired: (FiredRun & { readonly environment: string })[] = [];
  for (const settings of known) {
    const parts: Parts = await session.parts(settings);
    const works = scheduledWorks(rollbackDrillWork(session));
    const runs = await runDue(parts, works, reporterOf(session));
    fired.push(...runs.map((run) => ({ ...run, environment: settings.environment })));
  }
  const failed = fired.filter(({ outcome }) => outcome === "failed");
  const columns = output.resultColumns();
  const lines = fired.flatMap(({ environment: of, name, outcome, title }) =>
    hanging(`${glyph(outcome === "succeeded" ? "ok" : "bad")} ${of}/${name}: `, title, columns),
  );
  output.result({ fired }, lines.length === 0 ? "nothing is due" : lines.join("\n"));
  output.next(failed[0]?.repeat ?? "sluice schedule list");
  return failed.length === 0 ? exitCodes.succeeded : exitCodes.failed;
}

async function tellDue(session: Session, known: readonly EnvironmentSettings[]): Promise<number> {
  const { ledger } = await session.state();
  const due: { readonly environment: string; readonly name: string; readonly run: string; readonly missed: number }[] =
    [];
  for (const settings of known) {
    for (const { schedule, ruling, missed } of await scheduleStates(ledger, settings)) {
      if (ruling.kind === "due") due.push({ environment: settings.environment, ...schedule, missed });
    }
  }
  const lines = due.map(({ environment, missed, name, run }) => {
    const several = missed > 1 ? `, once for ${plural(missed, "time")} missed` : "";
    return `would run ${run} for ${environment}/${name}${several}`;
  });
  session.output.result({ dryRun: true, due }, lines.length === 0 ? "nothing is due" : lines.join("\n"));
  session.output.next(lines.length === 0 ? "sluice schedule list" : "sluice schedule run");
  return 0;
}

export interface CallerOptions extends DryRunOption {
  readonly write?: string;
}

export async function scheduleCallerCommand(session: Session, { write, dryRun }: CallerOptions): Promise<number> {
  const { output, projectFolder } = session;
  const { configuration } = await session.project();
  const place = { project: configuration.project, projectFolder, otherFolders: await foldersOutside(session) };
  const files = systemdUnits(place);
  if (write !== undefined && !dryRun) await writeAll(resolve(write), files);
  const text = files.map((file) => `# ${file.name}\n${file.text}`).join("\n");
  const written = write !== undefined && !dryRun ? files.map(({ name }) => join(write, name)) : [];
  output.result({ files, written }, written.length > 0 ? written.map((file) => `wrote ${file}`).join("\n") : text);
  output.next(`systemctl enable --now ${files.at(-1)?.name ?? ""}`);
  return 0;
}

async function writeAll(folder: string, files: readonly CallerFile[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, text } of files) await writeFile(join(folder, name), text);
}

/** Of backups, records and SQLite files that lie elsewhere. */
async function foldersOutside(session: Session): Promise<readonly string[]> {
  const known = await scheduledIn(session);
  const folders = known.flatMap(({ backup, databases, records }) => [
    backup.folder,
    records.folder,
    ...databases.flatMap((database) => (database.kind === "sqlite" ? [dirname(database.file)] : [])),
  ]);
  return [...new Set(folders)].filter((folder) => !`${folder}/`.startsWith(`${session.projectFolder}/`));
}
