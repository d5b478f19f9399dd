/** M1–M3: the release's migrations, before its code; nothing may be pending afterwards. */
import { SluiceError } from "../../domain/errors.ts";
import type { PlannedMigration } from "../../domain/plan.ts";
import type { Artifact, Release } from "../../domain/release.ts";
import { deadlineIn } from "../../ports/deadline.ts";
import type { MigrationRun, Migrator, PendingMigration } from "../../ports/migrator.ts";
import { claimantOf, underDataLock } from "../data-lock.ts";
import { dealWithLeftOvers, leftOverHint, type SchemasBefore, stateWords } from "../left-overs.ts";
import { treeOf } from "../release-tree.ts";
import type { Stage, StageContext } from "../stage.ts";

interface MigrateIntent {
  readonly release: Release;
  readonly artifacts: readonly Artifact[];
  readonly planned: readonly PlannedMigration[];
  /** Absent: what a failed migration leaves behind is not compared with anything. */
  readonly before?: SchemasBefore;
}

const whatCleanUpMeans =
  "if one fails, empty tables, unused columns and broken indexes that it made are taken away again; all else that it left is named (cleanUp: safe)";

export const migrate: Stage<MigrateIntent, MigrateIntent, { applied: readonly string[] }> = {
  name: "migrate",
  touches: "database",
  plan: ({ migrations, settings }) => [
    ...migrations.map(({ database, id, class: kind }) => `${database}: apply ${id} (${kind})`),
    ...settings.migrations
      .filter(({ database, cleanUp }) => cleanUp === "safe" && migrations.some((one) => one.database === database))
      .map(({ database }) => `${database}: ${whatCleanUpMeans}`),
  ],
  expectedMs: ({ migrations }) => 2_000 * migrations.length,
  prepare: (intent) => intent,
  async run(intent, ctx) {
    if (ctx.parts.migrators.length === 0 || intent.planned.length === 0) return { applied: [] };
    const tree = await treeOf(ctx.parts, intent, ctx.signal);
    for (const migrator of ctx.parts.migrators) await migrateUnderLock(migrator, tree, intent, ctx);
    return { applied: intent.planned.map(({ id }) => id) };
  },
  summary: ({ applied }) => (applied.length === 0 ? "nothing to migrate" : `applied ${applied.join(", ")}`),
};

/** B6: a backup that is under way is waited for; one that is due waits for this. */
async function migrateUnderLock(
  migrator: Migrator,
  tree: string,
  intent: MigrateIntent,
  ctx: StageContext,
): Promise<void> {
  const database = ctx.parts.databases.find(({ name }) => name === migrator.database);
  if (database === undefined) return migrateOne(migrator, tree, intent, ctx);
  await underDataLock(database, claimantOf("migration", ctx), (signal) =>
    migrateOne(migrator, tree, intent, { ...ctx, signal }),
  );
}

async function migrateOne(migrator: Migrator, tree: string, intent: MigrateIntent, ctx: StageContext): Promise<void> {
  // This may be a run that follows one that died: until its session has ended, nobody can say what is applied.
  await migrator.settle?.("wait", ctx.signal, runOf(ctx));
  const planned = intent.planned.filter(({ database }) => database === migrator.database).map(({ id }) => id);
  const pending = (await migrator.pending(tree, ctx.signal)).map(({ id }) => id);
  const task: Task = { migrator, tree, pending, intent };
  const unplanned = pending.filter((id) => !planned.includes(id));
  if (unplanned.length > 0) {
    throw new SluiceError({
      code: "PLAN_REFUSED",
      remedy: "operator",
      at: "stages.migrate",
      message: `${migrator.database} has pending migrations that nobody approved: ${unplanned.join(", ")}.`,
      hint: `Nothing was migrated. Plan again: sluice plan ${ctx.parts.settings.environment} ${intent.release.version}`,
    });
  }
  if (pending.length === 0) return;
  await ctx.guard();
  try {
    await apply(migrator, tree, ctx);
  } catch (thrown) {
    if (ctx.signal.aborted) await tellInterrupted(task, ctx);
    ctx.signal.throwIfAborted();
    throw await explain(thrown, task, ctx);
  }
  const left = await leftPending(migrator, tree, ctx.signal, ctx);
  if (left.length === 0) return;
  throw new SluiceError({
    code: "MIGRATION_PENDING",
    remedy: "operator",
    at: "stages.migrate",
    message: `The migration tool reported success, but ${left.map(({ id }) => id).join(", ")} is still pending in ${migrator.database}.`,
    hint: `See what it printed: sluice logs ${ctx.deploymentId} --file migration.log`,
  });
}

/** One database's part, for those who say afterwards what became of it. */
interface Task {
  readonly migrator: Migrator;
  readonly tree: string;
  /** Before anything was applied. */
  readonly pending: readonly string[];
  readonly intent: MigrateIntent;
}

async function apply(migrator: Migrator, tree: string, ctx: StageContext): Promise<void> {
  let written: Promise<void> = Promise.resolve();
  await migrator.apply(
    tree,
    (line) => {
      written = written.then(() => ctx.log("migration.log", line));
    },
    ctx.signal,
    runOf(ctx),
  );
  await written;
}

const runOf = ({ deploymentId, progress }: StageContext): MigrationRun => ({
  deploymentId,
  tell: (title) => progress(title, {}, "warn"),
});

/** After the tool has ended, whichever way. A tool that was killed leaves a session that may still commit: it ends first. */
async function leftPending(
  migrator: Migrator,
  tree: string,
  signal: AbortSignal,
  ctx: StageContext,
): Promise<readonly PendingMigration[]> {
  await migrator.settle?.("end", signal, runOf(ctx));
  return migrator.pending(tree, signal);
}

/** How long the migration tool may take to say what is pending after it was interrupted. */
const lookForMs = 15_000;

/** A cancel ends the migration tool under way. Nothing undoes a migration, so the story says what the database looks like now. */
async function tellInterrupted(task: Task, ctx: StageContext): Promise<void> {
  const reason = new Error("the migration tool did not say it in time");
  await using limit = deadlineIn(lookForMs, ctx.parts.clock, { reason });
  const state = await stateAfter(task, ctx, limit.signal);
  await ctx.progress(
    `the migration of ${task.migrator.database} was interrupted: ${state?.words ?? "what is applied is not known; look before you run it again"}`,
    { pendingBefore: [...task.pending], pendingNow: state ? [...state.left] : null },
    "warn",
  );
}

interface StateAfter {
  readonly left: readonly string[];
  readonly words: string;
  /** Undefined: the failure's own is right. */
  readonly hint: string | undefined;
}

/** Undefined: it could not be found out. */
async function stateAfter(task: Task, ctx: StageContext, signal: AbortSignal): Promise<StateAfter | undefined> {
  const { migrator, tree, pending, intent } = task;
  const after = await leftPending(migrator, tree, signal, ctx).catch(() => undefined);
  if (after === undefined) return undefined;
  const left = after.map(({ id }) => id);
  const before = intent.before?.[migrator.database] ?? null;
  const behind =
    left.length === 0
      ? undefined
      : await dealWithLeftOvers({ migrator, before, planned: intent.planned, left }, ctx, signal);
  const unknown = "a migration without a transaction may have left its first statements";
  return {
    left,
    words: `${stateOf(pending, left)}${left.length === 0 ? "" : `; ${behind ? stateWords(behind) : unknown}`}`,
    hint: behind && leftOverHint(behind, { migrator, left }, ctx.deploymentId),
  };
}

function stateOf(before: readonly string[], left: readonly string[]): string {
  const applied = before.filter((id) => !left.includes(id));
  if (left.length === 0) return `${applied.join(", ")} applied, as a whole`;
  return applied.length > 0
    ? `${applied.join(", ")} applied; ${left.join(", ")} not`
    : `${left.join(", ")} not applied as a whole`;
}

/** What a failed migration left behind is part of its failure: a person has to know what the database looks like now. */
async function explain(thrown: unknown, task: Task, ctx: StageContext): Promise<unknown> {
  if (!(thrown instanceof SluiceError)) return thrown;
  const state = await stateAfter(task, ctx, ctx.signal);
  const { message, hint } = thrown.failure;
  return new SluiceError({
    ...thrown.failure,
    message: state === undefined ? message : `${message} State of ${task.migrator.database}: ${state.words}.`,
    hint: runnable(state?.hint ?? hint, task, ctx),
    cause: thrown,
  });
}

/** A migrator does not know for whom it works; its commands should run as they are printed. */
const runnable = (hint: string, { intent }: Task, { parts }: StageContext): string =>
  hint.replaceAll("<environment> <version>", `${parts.settings.environment} ${intent.release.version}`);
