/** D1 X7 X9: what people go back by, as Markdown and as one shell script of plain commands. Pure text from facts. */
import type { BackupManifest } from "./backup.ts";
import type { Json } from "./json.ts";

export interface RollbackGuide {
  readonly environment: string;
  readonly version: string;
  readonly deploymentId: string;
  readonly previousVersion: string | null;
  readonly untilMs: number;
  readonly confirmWord: string;
  readonly backups: readonly BackupManifest[];
  readonly onCall: readonly string[];
  readonly scriptFile: string;
}

/** X7: written for every deployment. */
export function rollbackInstructions(guide: RollbackGuide): string {
  const { environment, version, previousVersion, backups, onCall } = guide;
  const until = new Date(guide.untilMs).toISOString();
  const command = `sluice rollback ${environment} --reason "…" --confirm ${guide.confirmWord}`;
  const lines = [
    `# Rolling back ${version} in ${environment}`,
    "",
    `Deployment ${guide.deploymentId}. Possible until ${until}.`,
    "",
    "## With Sluice",
    previousVersion
      ? `Back to ${previousVersion}:`
      : "This was the first deployment; there is no version to go back to.",
    "",
    ...(previousVersion ? ["    " + command, "    " + `${command} --dry-run`, ""] : []),
    "## Without Sluice",
    `When Sluice or its database is down, as the user that runs the target: \`sh ${guide.scriptFile}\`. Read it first; it holds plain commands.`,
    "",
    "## The database",
    "A code rollback leaves the database as it is, and that is the default: restoring loses everything written since the backup.",
    ...(backups.length === 0 ? ["No backup was taken by this deployment."] : []),
    ...backups.flatMap((backup) => [
      "",
      `Backup ${backup.id} (${backup.level}, taken ${new Date(backup.takenAtMs).toISOString()}, ${backup.location}):`,
      "",
      `    sluice restore ${backup.id} --into ${backup.database}_restored`,
      "",
      "or without Sluice:",
      "",
      ...backup.restoreCommands.map((restore) => `    ${restore}`),
    ]),
    "",
    "## People on call",
    ...(onCall.length > 0
      ? onCall.map((person) => `- ${person}`)
      : ["- nobody is named in the configuration (environments.<name>.onCall)"]),
    "",
  ];
  return lines.join("\n");
}

/** X9: raise the stable version, wait, stop the candidate: in this order no request is lost. */
export function rollbackScript(steps: {
  readonly title: string;
  readonly start: readonly string[];
  readonly shift: readonly string[];
  readonly stop: readonly string[];
}): string {
  const section = (title: string, commands: readonly string[]) =>
    commands.length === 0 ? [] : [`# ${title}`, ...commands, ""];
  return [
    "#!/bin/sh",
    `# ${steps.title}`,
    "# Plain commands for a person, for when Sluice or its database is down. Read before running.",
    "set -eu",
    "",
    ...section("1. Start the stable version where it is not running", steps.start),
    ...section("2. Send all traffic to the stable version", steps.shift),
    ...section("3. Stop the candidate once its last requests have ended", steps.stop),
  ].join("\n");
}

/** A list of numbers alone. A line feed inside of a text is escaped in JSON, so that only real lists look like this. */
const numbers = /\[\n\s*[-+.\deE]+(?:,\n\s*[-+.\deE]+)*\n\s*\]/g;

/** Indented for people, but rows of numbers stay rows: a series of buckets would be a page for each interval. */
export const recordText = (record: Json): string =>
  `${JSON.stringify(record, null, 2).replace(numbers, (list) => list.replace(/\s+/g, " "))}\n`;
