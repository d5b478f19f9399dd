/** D3 R6: the story of a deployment, and the files of its folder. */
import { createReadStream, existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { DeploymentRow } from "../../app/model.ts";
import { settingsOf } from "../../app/settings-of.ts";
import { humanBytes } from "../../domain/duration.ts";
import { stripControl } from "../../domain/redactor.ts";
import { deploymentOf } from "../find.ts";
import { table } from "../render/text.ts";
import type { Session } from "../session.ts";
import { eventLines } from "../story.ts";
import { usage } from "../usage.ts";

export interface LogsOptions {
  readonly follow?: boolean;
  /** True: which there are. */
  readonly file?: string | true;
}

export async function logsCommand(session: Session, words: string, options: LogsOptions): Promise<number> {
  const row = await deploymentOf(session, words);
  if (options.file !== undefined) return fileOf(session, row, options.file);
  // Also of one that has ended: whether it ended a moment ago or a moment later, the exit code is its own.
  if (options.follow) {
    const { follow } = await import("../follow.ts");
    return follow(session, row.id, { wait: true, revive: true });
  }
  const { output } = session;
  const { ledger } = await session.state();
  const lineFor = eventLines(row.createdAtMs, output.resultColumns);
  for (const event of await ledger.events(row.id, 0)) {
    const line = lineFor(event);
    if (output.json) output.result({ type: "event", ...event }, "");
    else if (line !== undefined) output.result(null, line);
  }
  output.next(row.state === "ended" ? `sluice logs ${row.id} --file` : `sluice logs ${row.id} --follow`);
  return 0;
}

const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

async function fileOf(session: Session, row: DeploymentRow, file: string | true): Promise<number> {
  const { output } = session;
  const folder = join(settingsOf(row).records.folder, row.id);
  const names = existsSync(folder)
    ? (await readdir(folder)).filter((name) => fileName.test(name) && !name.endsWith(".tmp")).sort()
    : [];
  if (file === true) return listFiles(session, row, folder, names);
  if (!names.includes(file)) {
    throw usage(
      `${row.id} has no file ${JSON.stringify(file)}; it has ${names.join(", ") || "none"}.`,
      `List them: sluice logs ${row.id} --file`,
    );
  }
  const lines = createInterface({
    input: createReadStream(join(folder, file), "utf8"),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  for await (const line of lines) {
    if (output.readerGone.aborted) break;
    output.result({ file, line }, stripControl(line));
  }
  return 0;
}

async function listFiles(
  session: Session,
  row: DeploymentRow,
  folder: string,
  names: readonly string[],
): Promise<number> {
  const files = await Promise.all(
    names.map(async (name) => ({ name, sizeBytes: (await stat(join(folder, name))).size })),
  );
  const text = table(
    files.map(({ name, sizeBytes }) => [name, humanBytes(sizeBytes)]),
    session.output.resultColumns(),
  );
  session.output.result({ folder, files }, [folder, ...text.map((line) => `  ${line}`)].join("\n"));
  session.output.next(`sluice logs ${row.id} --file ${names[0] ?? "<name>"}`);
  return 0;
}
