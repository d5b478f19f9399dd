/** B12: the newest backup restored into scratch, on demand; the schedule does the same. */
import { newestBackup, restoreDrill } from "../../app/drill.ts";
import { humanBytes, humanDuration } from "../../domain/duration.ts";
import { hanging, plural, timestamp } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import { reporterOf } from "../reporter.ts";
import type { Session } from "../session.ts";
import { usage } from "../usage.ts";
import type { DryRunOption } from "./layers.ts";

export async function drillRestoreCommand(
  session: Session,
  environment: string,
  { dryRun }: DryRunOption,
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  if (settings.databases.length === 0)
    throw usage(`${environment} has no databases to restore.`, "Declare them under databases:, then: sluice validate");
  const parts = await session.parts(settings);
  if (dryRun) {
    const newest = await Promise.all(
      settings.databases.map(({ name }) => newestBackup(parts, name, session.interrupted)),
    );
    const lines = newest.map(
      ({ id, sizeBytes, takenAtMs }) =>
        `would restore ${id} (${timestamp(takenAtMs)}, ${humanBytes(sizeBytes)}) into scratch`,
    );
    output.result({ dryRun: true, backups: newest.map(({ id }) => id) }, lines.join("\n"));
    output.next(`sluice drill restore ${environment}`);
    return 0;
  }
  const drills = await restoreDrill(parts, session.user, reporterOf(session));
  const columns = output.resultColumns();
  const lines = drills.flatMap(({ backup, database, gap, restoreMs, rows, tables, tookMs }) =>
    hanging(
      `${glyph("ok")} ${database}: `,
      `${backup} restored in ${humanDuration(restoreMs)}, ${humanDuration(tookMs)} with reading and verifying; ${plural(tables, "table")}, ${plural(rows, "row")}${gap === null ? " as backed up" : `; ${gap}`}`,
      columns,
    ),
  );
  output.result({ environment, drills }, lines.join("\n"));
  output.next(`sluice audit ${environment}`);
  return 0;
}
