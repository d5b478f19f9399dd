/** L1–L3: who holds which environment; taking it by hand, giving it back, and taking over what belongs to a lost ledger. */
import type { LockRow } from "../../app/model.ts";
import { SluiceError } from "../../domain/errors.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { table } from "../render/text.ts";
import { ago, glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import { reasonOf } from "../usage.ts";

export interface LockOptions {
  readonly reason?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export async function lockListCommand(session: Session): Promise<number> {
  const { output } = session;
  const state = await session.knownState();
  const locks = state ? await state.ledger.locks() : [];
  const nowMs = (await state?.ledger.now()) ?? 0;
  const header = ["environment", "held by", "since", "why"].map((text) => paint.dim(text));
  const rows = locks.map((lock) => [
    lock.environment,
    holderOf(lock),
    ago(nowMs - lock.sinceMs),
    stripControl(lock.reason) || "–",
  ]);
  output.result(
    { locks },
    locks.length === 0 ? "no environment is locked" : table([header, ...rows], output.resultColumns()).join("\n"),
  );
  output.next(locks[0] ? `sluice status ${locks[0].environment}` : "sluice status");
  return 0;
}

const holderOf = ({ kind, heldBy, deploymentId }: LockRow): string =>
  kind === "manual" ? `${heldBy}, by hand` : `deployment ${deploymentId} (${heldBy})`;

export async function lockTakeCommand(session: Session, environment: string, options: LockOptions): Promise<number> {
  const { output, user } = session;
  await session.settings(environment);
  const reason = reasonOf(options.reason, `sluice lock take ${environment}`);
  const { ledger } = await session.state();
  if (options.dryRun) {
    const held = await ledger.lock(environment);
    output.result(
      { dryRun: true, environment, held: held ?? null },
      held ? `${environment} is held by ${holderOf(held)}` : `would lock ${environment} for ${user}`,
    );
    output.next(`sluice lock take ${environment} --reason ${JSON.stringify(reason)}`);
    return 0;
  }
  const result = await ledger.acquireManualLock(environment, user, reason);
  if (result.kind === "busy") throw held(result.holder, `Follow it: sluice status ${environment}`);
  output.result(
    { locked: environment, by: user, reason },
    `${environment} is locked by ${user}: nothing is deployed there until it is released`,
  );
  output.next(`sluice lock release ${environment} --reason "…"`);
  return 0;
}

/** A deployment's lock is the deployment's business: ending it gives the lock back in order. `--force` is for when that fails. */
export async function lockReleaseCommand(session: Session, environment: string, options: LockOptions): Promise<number> {
  const { output, user } = session;
  await session.settings(environment);
  const reason = reasonOf(options.reason, `sluice lock release ${environment}`);
  const { ledger } = await session.state();
  const lock = await ledger.lock(environment);
  if (lock === undefined) {
    output.result({ released: null }, `${environment} is not locked`);
    output.next(`sluice status ${environment}`);
    return 0;
  }
  if (lock.kind === "deployment" && !options.force) {
    throw held(
      lock,
      `End it, which frees the lock last: sluice cancel ${lock.deploymentId} --reason "…" · if nothing else helps: sluice lock release ${environment} --force --reason "…"`,
    );
  }
  if (options.dryRun) {
    output.result({ dryRun: true, held: lock }, `would release ${environment}, held by ${holderOf(lock)}`);
    output.next(
      `sluice lock release ${environment}${options.force ? " --force" : ""} --reason ${JSON.stringify(reason)}`,
    );
    return 0;
  }
  const released = await ledger.forceUnlock(environment, user, reason);
  output.result({ released: released ?? null }, `released ${environment}, which was held by ${holderOf(lock)}`);
  output.next(`sluice status ${environment}`);
  return 0;
}

const held = (lock: LockRow, hint: string): SluiceError =>
  new SluiceError({
    code: "LOCK_HELD",
    remedy: "operator",
    at: "cli.lock",
    message: `${lock.environment} is locked by ${holderOf(lock)}.`,
    hint,
  });

export async function lockTakeOverCommand(
  session: Session,
  environment: string,
  options: LockOptions,
): Promise<number> {
  const { output, user } = session;
  const { fencesOf, takeOver } = await import("../../app/take-over.ts");
  const settings = await session.settings(environment);
  const reason = reasonOf(options.reason, `sluice lock take-over ${environment}`);
  const parts = await session.parts(settings);
  const fences = await fencesOf(parts, session.interrupted);
  const foreign = fences.filter((fence) => fence.foreign);
  const lines = fences.map(({ what, ledgerId, lastDeployment, foreign: other }) =>
    ledgerId === null
      ? `  ${glyph("ok")} ${what}: used by nobody yet`
      : `  ${glyph(other ? "warn" : "ok")} ${what}: ${other ? `belongs to ledger ${ledgerId}` : "belongs to this ledger"}, last used by ${lastDeployment}`,
  );
  const words =
    foreign.length === 0
      ? "nothing to take over"
      : `${options.dryRun ? "would take over" : "took over"} ${foreign.map(({ what }) => what).join(", ")}`;
  if (foreign.length > 0 && !options.dryRun) await takeOver(parts, user, reason, session.interrupted);
  output.result(
    {
      dryRun: options.dryRun ?? false,
      environment,
      fences,
      takenOver: options.dryRun ? [] : foreign.map(({ what }) => what),
    },
    [...lines, words].join("\n"),
  );
  output.next(
    foreign.length > 0 && options.dryRun
      ? `sluice lock take-over ${environment} --reason ${JSON.stringify(reason)}`
      : `sluice plan ${environment} <version>`,
  );
  return 0;
}
