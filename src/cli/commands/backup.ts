/** B1 B4–B7: taking, listing, showing, pruning and restoring backups. Nothing is removed or restored without being asked twice. */
import { findBackup, listBackups, restoreBackup, signatureOf, verifyStored } from "../../app/backups.ts";
import { machineClock } from "../../app/clock.ts";
import { backupAlone } from "../../app/layers.ts";
import { objectiveStates } from "../../app/objectives.ts";
import { prune as carryOut, planPruning } from "../../app/prune.ts";
import {
  type BackupEncryption,
  type BackupManifest,
  countsNothing,
  notCompared,
  provenWords,
  rowsOf,
  tablesOf,
} from "../../domain/backup.ts";
import { placeOfBackups } from "../../domain/backup-place.ts";
import { signatureWords } from "../../domain/backup-signature.ts";
import { humanBytes, humanDuration } from "../../domain/duration.ts";
import { objectiveLine } from "../../domain/objectives.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { confirm } from "../confirm.ts";
import { paint } from "../output.ts";
import { hanging, number, plural, table, timestamp } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import { reporterOf } from "../reporter.ts";
import type { Session } from "../session.ts";
import { usage } from "../usage.ts";
import type { DryRunOption } from "./layers.ts";

export async function backupCreateCommand(
  session: Session,
  environment: string,
  { dryRun }: DryRunOption,
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const { databases, backup } = settings;
  if (databases.length === 0)
    throw usage(
      `${environment} has no databases: nothing was backed up.`,
      "Declare them under databases: in sluice.yaml, then: sluice validate",
    );
  if (dryRun) {
    const place = placeOfBackups(backup);
    const names = databases.map(({ name, kind }) => `${name} (${kind})`).join(", ");
    output.result(
      { dryRun: true, environment, databases: databases.map(({ name }) => name), place },
      `would back up ${names} to ${place}`,
    );
    output.next(`sluice backup create ${environment}`);
    return 0;
  }
  const manifests = await backupAlone(await session.parts(settings), reporterOf(session));
  output.result(
    { backups: manifests },
    manifests
      .map((manifest) => `${glyph("ok")} ${manifest.id}\n  ${sizeText(manifest)}, ${provenText(manifest)}`)
      .join("\n"),
  );
  output.next(`sluice backup show ${manifests[0]?.id ?? ""}`.trim());
  return 0;
}

const sizeText = (manifest: BackupManifest): string =>
  `${countsNothing(manifest.source.kind) ? "" : `${plural(tablesOf(manifest.tables).length, "table")}, ${plural(rowsOf(manifest.tables), "row")}, `}${humanBytes(manifest.sizeBytes)} in ${humanDuration(manifest.tookMs)}`;

const levels = {
  stored: "stored: its checksum was read back",
  readable: "readable: read back by checksum and decoded to its end",
  restored: "restored: it was restored into a scratch database",
  equal: "equal: restored into a scratch database, and compared with what the snapshot held",
} as const satisfies Record<BackupManifest["level"], string>;

const provenText = (manifest: BackupManifest): string =>
  manifest.proof?.short ? provenWords(manifest) : levels[manifest.level];

const encryptedText = ({ format, recipients }: BackupEncryption): string => `${format}, for ${recipients.join(", ")}`;

/** What was looked at, one line each; nothing for a manifest of before it was written down. */
const proofLines = ({ proof }: BackupManifest): readonly string[] =>
  (proof?.checks ?? []).map(
    ({ check, outcome, detail, tookMs }) =>
      `  ${glyph(outcome === "passed" ? "ok" : "warn")} ${check}: ${detail}${outcome === "passed" ? ` (${humanDuration(tookMs)})` : ", so it was not looked at"}`,
  );

/** Of one environment, or of all that are declared. */
async function settingsFor(session: Session, environment?: string) {
  const { configuration, settings } = await session.project();
  return (environment === undefined ? Object.keys(configuration.environments) : [environment]).map((name) =>
    settings(name),
  );
}

export async function backupListCommand(session: Session, environment: string | undefined): Promise<number> {
  const { output } = session;
  const known = await settingsFor(session, environment);
  const { backups, untrusted } = await listBackups(known, session.environment, session.interrupted);
  const objectives = known.flatMap((settings) =>
    objectiveStates(settings, backups, machineClock.now()).map((state) => ({
      environment: settings.environment,
      ...state,
      line: objectiveLine(settings.objectives, state),
    })),
  );
  const header = ["backup", "database", "taken", "size", "rows", "proven", "manifest"].map((text) => paint.dim(text));
  const rows = backups.map((manifest) => [
    manifest.id,
    manifest.database,
    timestamp(manifest.takenAtMs),
    humanBytes(manifest.sizeBytes),
    countsNothing(manifest.source.kind) ? "" : number(rowsOf(manifest.tables)),
    manifest.level,
    manifest.signature == null ? "unsigned" : "signed",
  ]);
  const listed = backups.length === 0 ? ["there are no backups yet"] : table([header, ...rows], output.resultColumns());
  const held = objectives.map(
    ({ environment: of, line, missed }) => `${glyph(missed.length === 0 ? "ok" : "warn")} ${of}/${line}`,
  );
  const bad = untrusted.flatMap((fault) =>
    hanging(`${glyph("bad")} not to be trusted: `, fault, output.resultColumns()),
  );
  output.result({ backups, untrusted, objectives }, [...listed, ...bad, ...held].join("\n"));
  output.next(
    backups[0] ? `sluice backup show ${backups[0].id}` : `sluice backup create ${environment ?? "<environment>"}`,
  );
  return untrusted.length > 0 ? exitCodes.failed : exitCodes.succeeded;
}

export async function backupShowCommand(session: Session, id: string): Promise<number> {
  const { output } = session;
  const manifest = await findBackup(await settingsFor(session), id, session.environment, session.interrupted);
  const signature = await signatureOf(await settingsFor(session), manifest, session.interrupted);
  const columns = output.resultColumns();
  const label = (text: string) => paint.dim(text.padEnd(12));
  const text = [
    paint.bold(manifest.id),
    ...hanging(
      label("of"),
      `${manifest.source.kind} ${manifest.source.name} (${manifest.source.serverVersion}), ${manifest.environment}`,
      columns,
    ),
    `${label("taken")}${timestamp(manifest.takenAtMs)}${manifest.deploymentId ? ` by deployment ${manifest.deploymentId}` : " by hand"}`,
    ...hanging(label("holds"), sizeText(manifest), columns),
    ...hanging(label("proven"), provenText(manifest), columns),
    ...proofLines(manifest),
    ...hanging(label("manifest"), signatureWords(signature), columns),
    ...(manifest.encryption ? hanging(label("encrypted"), encryptedText(manifest.encryption), columns) : []),
    `${label("sha256")}${manifest.sha256}`,
    `${label("lies at")}${manifest.location}`,
    "",
    "Restored without Sluice by:",
    ...manifest.restoreCommands.map((command) => `    ${command}`),
  ].join("\n");
  output.result(manifest, text);
  output.next(`sluice restore ${manifest.id} --into ${manifest.database}_restored --dry-run`);
  return 0;
}

/** B5. Without `--yes` it only shows: what goes, and why each of the others stays. */
export async function backupPruneCommand(
  session: Session,
  environment: string,
  { yes }: { readonly yes?: boolean },
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const parts = await session.parts(settings);
  const plan = await planPruning(parts, session.interrupted);
  if (yes) await carryOut(parts, plan, session.interrupted);
  const { keep, prune, leftOvers } = plan;
  const columns = output.resultColumns();
  const lines = [
    ...keep.flatMap(({ manifest, reasons }) =>
      hanging(`  ${glyph("ok")} keep   ${manifest.id}  `, paint.dim(reasons.join("; ")), columns),
    ),
    ...prune.flatMap(({ manifest, reason }) =>
      hanging(`  ${glyph("warn")} remove ${manifest.id}  `, paint.dim(reason), columns),
    ),
    ...leftOvers.flatMap(({ location, sinceMs }) =>
      hanging(`  ${glyph("warn")} remove ${location}  `, paint.dim(`left behind at ${timestamp(sinceMs)}`), columns),
    ),
    `${plural(keep.length, "backup")} ${yes ? "kept" : "would be kept"}, ${prune.length + leftOvers.length} ${yes ? "removed" : "would be removed"}`,
  ];
  output.result({ dryRun: !yes, keep, prune, leftOvers }, lines.join("\n"));
  output.next(
    !yes && prune.length + leftOvers.length > 0
      ? `sluice backup prune ${environment} --yes`
      : `sluice backup list ${environment}`,
  );
  return 0;
}

export interface RestoreOptions extends DryRunOption {
  readonly into: string;
  readonly confirm?: string;
}

/** B7: always into a database that does not exist yet; making it the live one is a person's own step. */
export async function restoreCommand(session: Session, id: string, options: RestoreOptions): Promise<number> {
  const { output } = session;
  if ((options.into ?? "") === "")
    throw usage(
      "It must be said where to restore to: --into a new database, or --swap.",
      `For example: sluice restore ${id} --into main_restored`,
    );
  const manifest = await findBackup(await settingsFor(session), id, session.environment, session.interrupted);
  const parts = await session.parts(await session.settings(manifest.environment));
  const command = `sluice restore ${manifest.id} --into ${options.into} --confirm RESTORE`;
  if (options.into === manifest.source.name)
    throw usage(
      `${options.into} is the live database: a restore never writes into it.`,
      `Name a new one: sluice restore ${manifest.id} --into ${manifest.database}_restored`,
    );
  const what = `${manifest.id} (${sizeText(manifest)}) into the new ${manifest.source.kind} database ${options.into}`;
  if (options.dryRun) {
    await verifyStored(parts, manifest, session.interrupted);
    output.result(
      { dryRun: true, backup: manifest.id, into: options.into, checksum: "matches" },
      `would restore ${what}; its checksum matches the manifest`,
    );
    output.next(command);
    return 0;
  }
  output.progress(`restores ${what}`);
  await confirm({ word: "RESTORE", given: options.confirm, code: "USAGE", command });
  const { facts, differing } = await restoreBackup(parts, manifest, options.into, session.interrupted);
  const alike = differing.length === 0;
  const gap = notCompared(manifest);
  const lines = differing.map((words) => `  ${glyph("bad")} ${words}`);
  const summary = alike
    ? `${glyph("ok")} restored into ${facts.name}: ${countsNothing(manifest.source.kind) ? "" : `${plural(tablesOf(facts.tables).length, "table")}, `}${gap ?? "every row as backed up"}`
    : `${glyph("bad")} restored into ${facts.name}, but it is not what was backed up`;
  output.result(
    { backup: manifest.id, into: options.into, facts, differing, equal: alike && gap === undefined },
    [...lines, summary].join("\n"),
  );
  output.next(`sluice backup show ${manifest.id}`);
  return alike ? exitCodes.succeeded : exitCodes.failed;
}
