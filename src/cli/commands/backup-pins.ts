/** B5: a backup that somebody wants kept, and why; both are in the audit trail. */
import { findBackup } from "../../app/backups.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import { reasonOf } from "../usage.ts";

export async function backupPinCommand(
  session: Session,
  what: "pin" | "unpin",
  words: string,
  options: { readonly reason?: string },
): Promise<number> {
  const { output } = session;
  const reason = reasonOf(options.reason, `sluice backup ${what} ${words}`);
  const { configuration, settings } = await session.project();
  const all = Object.keys(configuration.environments).map((name) => settings(name));
  const { environment, id } = await findBackup(all, words, session.environment, session.interrupted);
  const { ledger } = await session.state();
  const pin = { environment, backupId: id, by: session.user, reason };
  if (what === "pin") await ledger.pinBackup(pin);
  const changed = what === "pin" || (await ledger.unpinBackup(pin));
  const text = {
    pin: `${glyph("ok")} ${id} is kept until it is unpinned`,
    unpin: changed ? `${glyph("ok")} ${id} goes when nothing else needs it` : `${id} was not pinned`,
  }[what];
  output.result({ backup: id, environment, pinned: what === "pin", changed, reason }, text);
  output.next(`sluice backup prune ${environment}`);
  return 0;
}
