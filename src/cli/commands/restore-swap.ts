/** B7: `sluice restore <backup> --swap`: it states what is lost, wants that typed, and makes the backup the live database. */
import { findBackup, verifyStored } from "../../app/backups.ts";
import type { Parts } from "../../app/model.ts";
import { agreedTo, planSwap, restoreBySwap, type SwapPlan } from "../../app/restore-swap.ts";
import { settleUnfinished, unfinishedSwap } from "../../app/unfinished-swap.ts";
import type { BackupManifest } from "../../domain/backup.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { confirm } from "../confirm.ts";
import { plural } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import { reporterOf } from "../reporter.ts";
import type { Session } from "../session.ts";
import type { DryRunOption } from "./layers.ts";

export interface RestoreSwapOptions extends DryRunOption {
  readonly confirm?: string;
}

export async function restoreSwapCommand(session: Session, id: string, options: RestoreSwapOptions): Promise<number> {
  const { output } = session;
  const { configuration, settings } = await session.project();
  const all = Object.keys(configuration.environments).map((name) => settings(name));
  const manifest = await findBackup(all, id, session.environment, session.interrupted);
  const parts = await session.parts(settings(manifest.environment));
  if (await finishedBefore(session, parts, manifest, options)) return exitCodes.succeeded;
  const plan = await planSwap(parts, manifest, session.interrupted);
  const words = agreedTo(plan, options.confirm);
  const command = `sluice restore ${manifest.id} --swap --confirm "${plan.words}"`;
  const lines = describe(plan);
  if (options.dryRun) {
    await verifyStored(parts, manifest, session.interrupted);
    const { into, kept, lostBytes, lostMinutes } = plan;
    const facts = { dryRun: true, backup: manifest.id, into, kept, lostBytes, lostMinutes, words: plan.words };
    output.result({ ...facts, checksum: "matches" }, [...lines, "its checksum matches the manifest"].join("\n"));
    output.next(command);
    return exitCodes.succeeded;
  }
  for (const line of lines) output.progress(line);
  await confirm({ word: words, given: options.confirm, code: "USAGE", command });
  return swap(session, parts, plan);
}

/** A swap whose process died is finished, or cleared away, before another one begins. True where it was this very one, and had happened. */
async function finishedBefore(
  session: Session,
  parts: Parts,
  manifest: BackupManifest,
  { dryRun }: RestoreSwapOptions,
): Promise<boolean> {
  const { output } = session;
  const left = await unfinishedSwap(parts, manifest.database);
  if (left === undefined) return false;
  const began = `${left.by} began to swap in ${left.backup} at ${new Date(left.atMs).toISOString()}, and nobody said how that ended`;
  output.progress(dryRun ? `${began}; without --dry-run that is found out first` : began);
  if (dryRun) return false;
  const standing = await settleUnfinished(parts, manifest, session.user, reporterOf(session));
  if (standing === undefined) return false;
  output.progress(standing === "swapped" ? "it had happened" : "it had not happened; nothing of it is left");
  if (standing !== "swapped" || left.backup !== manifest.id) return false;
  output.result(
    { backup: manifest.id, finished: true },
    `${glyph("ok")} ${manifest.database} is what ${manifest.id} held already`,
  );
  output.next(`sluice smoke ${manifest.environment}`);
  return true;
}

const describe = ({ into, kept, loss, manifest }: SwapPlan): readonly string[] => [
  `${manifest.id} is restored into ${into}, compared, and takes the place of the live ${manifest.database}`,
  `lost: ${loss}`,
  `the live one is kept as ${kept}; nothing removes it by itself`,
  manifest.source.kind === "sqlite"
    ? "stop every process that uses the file first: one that has it open would go on writing into the kept one"
    : "its sessions are ended; who connects again finds the restored one",
  "rolling back code alone loses nothing: sluice rollback --dry-run",
];

async function swap(session: Session, parts: Parts, plan: SwapPlan): Promise<number> {
  const { output } = session;
  const { environment } = parts.settings;
  const { rows, tables } = await restoreBySwap(parts, plan, session.user, reporterOf(session));
  output.result(
    { backup: plan.manifest.id, kept: plan.kept, tables, rows, lostMinutes: plan.lostMinutes },
    `${glyph("ok")} ${plan.manifest.database} is what ${plan.manifest.id} held: ${plural(tables, "table")}, ${plural(rows, "row")}; the one before is ${plan.kept}`,
  );
  output.next(`sluice smoke ${environment}`);
  return exitCodes.succeeded;
}
