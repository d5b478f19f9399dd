/** D1–D3 D7 X7 X9: the record and the files of a deployment, written once its end is known. */
import { type Failure, failureOf } from "../domain/errors.ts";
import type { DeploymentEvent } from "../domain/events.ts";
import { failureReport, incidentJson } from "../domain/failure-report.ts";
import { asJson, type Json } from "../domain/json.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { PlannedMigration } from "../domain/plan.ts";
import { buildRecord, type RecordFacts } from "../domain/record.ts";
import { failureFactsOf, recordedFrom } from "../domain/recorded.ts";
import { recordText, rollbackInstructions, rollbackScript } from "../domain/reports.ts";
import type { Serving } from "../domain/serving.ts";
import { summaryText } from "../domain/summary.ts";
import { FlowLost } from "../ports/flow.ts";
import type { RunFolder } from "../ports/run-folder.ts";
import { servingNow } from "./deploy.ts";
import { type LeftBehind, remainsIn } from "./left-overs.ts";
import type { Parts } from "./parts.ts";
import { treeOf } from "./release-tree.ts";
import type { Run } from "./run.ts";
import type { StageContext } from "./stage.ts";
import { backup } from "./stages/backup.ts";
import { build } from "./stages/build.ts";
import { migrate } from "./stages/migrate.ts";
import { observe } from "./stages/observe.ts";
import { planning } from "./stages/plan.ts";
import { rolloutStep } from "./stages/rollout-step.ts";
import { smoke } from "./stages/smoke.ts";
import { runSpec, startCandidate } from "./stages/start-candidate.ts";
import { reportVerdict, verdictFile } from "./verdict-report.ts";

const scriptFile = "rollback-without-sluice.sh";

export async function writeReports(
  run: Run,
  outcome: Outcome,
  failure: Failure | undefined,
  undoFailures: readonly Failure[],
): Promise<{ readonly servesNow: string | null; readonly backup: string | null }> {
  return run.record("record", async (ctx) => {
    const { ledger } = run.parts;
    const serving = await servingNow(run.parts);
    const events = await ledger.events(run.row.id, 0);
    const { recorded: verdict, svg } = await reportVerdict(run, events);
    const remains = await remainsOf(run, failure, events, ctx.signal);
    const seen = { remains, events, verdict };
    const facts = { ...(await factsOf(run, outcome, failure, undoFailures, serving)), ...seen };
    const record = run.parts.redactor.json(buildRecord(facts));
    await ledger.saveRecord(run.row.id, record);
    await writeFiles(run, ctx, async (folder) => {
      await folder.write("deployment-record.json", recordText(record));
      await folder.write("deployment.log", storyText(facts.events));
      if (svg) await folder.write(verdictFile, run.parts.redactor.text(svg));
      await writeForPeople(run, folder, record, events);
      await writeGuide(run, facts, ctx);
    });
    return { servesNow: serving?.version ?? null, backup: facts.backups[0]?.id ?? null };
  });
}

/** What happened has happened, and the ledger has its record: files that cannot be written are told, and end nothing. */
async function writeFiles(run: Run, ctx: StageContext, write: (folder: RunFolder) => Promise<void>): Promise<void> {
  const folder = run.parts.runFolder(run.row.id);
  try {
    await write(folder);
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    const { code, message } = failureOf(thrown, "pipeline.reports");
    await ctx.progress(`not every file of ${folder.location} could be written: ${message} (${code})`, {}, "bad");
  }
}

/** D2: after a rollback the same facts are the incident report. What went well is summed up for those who wait for it. */
async function writeForPeople(
  run: Run,
  folder: RunFolder,
  record: Json,
  events: readonly DeploymentEvent[],
): Promise<void> {
  const recorded = recordedFrom(record);
  const facts = failureFactsOf(recorded, events, run.parts.settings.onCall);
  if (facts === undefined) {
    await folder.write("stakeholder-summary.md", summaryText(run.row.project, recorded));
    return;
  }
  const name = ["rolled-back", "rollback-failed"].includes(recorded.outcome) ? "incident-report" : "failure-report";
  await folder.write(`${name}.md`, failureReport(facts));
  await folder.write(`${name}.json`, recordText(incidentJson(facts)));
}

/** The report that goes with the last news, for channels that take one (mail). */
export async function reportForPeople(run: Run): Promise<{ readonly report?: string }> {
  const { ledger, notifiers, settings } = run.parts;
  if (!notifiers.some(({ takesReport }) => takesReport)) return {};
  const record = await ledger.record(run.row.id);
  if (record === undefined) return {};
  const recorded = recordedFrom(record);
  const facts = failureFactsOf(recorded, await ledger.events(run.row.id, 0), settings.onCall);
  return { report: facts ? failureReport(facts) : summaryText(run.row.project, recorded) };
}

/** The whole story in lines, as far as it is told when the record is written. */
const storyText = (events: readonly DeploymentEvent[]): string =>
  events
    .map(
      ({ atMs, step, phase, tone, title }) =>
        `${new Date(atMs).toISOString()}  ${phase.padEnd(8)} ${tone.padEnd(4)} ${step}: ${title}\n`,
    )
    .join("");

async function factsOf(
  run: Run,
  outcome: Outcome,
  failure: Failure | undefined,
  undoFailures: readonly Failure[],
  serving: Serving | null,
): Promise<Omit<RecordFacts, "remains" | "events" | "verdict">> {
  const { ledger, clock, settings } = run.parts;
  const made = run.outputsOf(planning)[0];
  const endedAtMs = clock.now();
  const canGoBack = outcome === "succeeded" && run.row.kind === "deploy" && (made?.plan.replaces ?? null) !== null;
  return {
    deploymentId: run.row.id,
    kind: run.row.kind,
    environment: run.row.environment,
    version: run.row.version,
    commit: run.row.commit,
    startedBy: run.row.startedBy,
    createdAtMs: run.row.createdAtMs,
    endedAtMs,
    outcome,
    failure: failure ?? null,
    undoFailures,
    undone: run.undone,
    plan: made?.plan ?? null,
    planDigest: made?.digest ?? null,
    approvals: await ledger.approvals(run.row.id),
    backups: run.outputsOf(backup)[0] ?? [],
    smoke: run.outputsOf(smoke)[0] ?? [],
    rollout: run.outputsOf(rolloutStep).map(asJson),
    observation: asJson(run.outputsOf(observe)[0] ?? null),
    rollbackUntilMs: canGoBack ? endedAtMs + settings.rollback.windowMs : null,
    folder: run.parts.runFolder(run.row.id).location,
    servesNow: serving?.version ?? null,
  };
}

/** "failed" must list what did change: data does not come back with the code. */
async function remainsOf(
  run: Run,
  failure: Failure | undefined,
  events: readonly DeploymentEvent[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (failure === undefined) return [];
  const [migrated] = run.outputsOf(migrate);
  return [
    ...(migrated
      ? migrated.applied.map((id) => `migration ${id} stays applied`)
      : await leftBehind(run, failure, events, signal)),
    ...(run.outputsOf(backup)[0] ?? []).map(({ id }) => `backup ${id} is kept`),
  ];
}

/** Migrations that began and did not get to their end: only the tool knows what is there now. */
async function leftBehind(
  run: Run,
  failure: Failure,
  events: readonly DeploymentEvent[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const plan = run.outputsOf(planning)[0]?.plan;
  if (plan === undefined || plan.migrations.length === 0 || !run.touched.has("database")) return [];
  try {
    const artifacts = run.outputsOf(build)[0] ?? [];
    const tree = await treeOf(run.parts, { release: plan.release, artifacts }, signal);
    const states = run.parts.migrators.map(async (migrator) => {
      const left = (await migrator.pending(tree, signal)).map(({ id }) => id);
      const seen = behindIn(events, migrator.database);
      return stateOf(migrator.database, left, plan.migrations, seen ?? unseen(failure));
    });
    return (await Promise.all(states)).flat();
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    const ids = plan.migrations.map(({ id }) => id).join(", ");
    return [`it is not known which of these are applied: ${ids} (${failureOf(thrown, "pipeline.reports").message})`];
  }
}

/** What the stage saw and told: undefined where it could not look. */
function behindIn(events: readonly DeploymentEvent[], database: string): LeftBehind | undefined {
  const told = events.map(({ detail }) => (detail as { readonly leftBehind?: LeftBehind }).leftBehind);
  return told.findLast((behind) => behind?.database === database);
}

const unseen = ({ code }: Failure): "maybe" | "nothing" => (code === "MIGRATION_FAILED" ? "maybe" : "nothing");

function stateOf(
  database: string,
  left: readonly string[],
  planned: readonly PlannedMigration[],
  behind: LeftBehind | "maybe" | "nothing",
): readonly string[] {
  const ids = planned.filter((migration) => migration.database === database).map(({ id }) => id);
  const [next] = ids.filter((id) => left.includes(id));
  const applied = ids.filter((id) => !left.includes(id)).map((id) => `migration ${id} stays applied`);
  if (next === undefined || behind === "nothing") return applied;
  if (behind === "maybe") return [...applied, `${database} may hold the first statements of ${next}`];
  return [...applied, ...remainsIn(behind)];
}

async function writeGuide(run: Run, facts: RecordFacts, ctx: StageContext): Promise<void> {
  const { settings } = run.parts;
  const folder = run.parts.runFolder(run.row.id);
  const stable = facts.plan?.replaces ?? null;
  await folder.write(
    "rollback-instructions.md",
    rollbackInstructions({
      environment: settings.environment,
      version: facts.version,
      deploymentId: facts.deploymentId,
      previousVersion: stable?.version ?? null,
      untilMs: facts.rollbackUntilMs ?? facts.endedAtMs,
      confirmWord: settings.rollback.confirmWord,
      backups: facts.backups,
      onCall: settings.onCall,
      scriptFile,
    }),
  );
  if (stable) await folder.write(scriptFile, await scriptFor(run.parts, run, stable, ctx));
}

/** The addresses of the stable version as they were when this deployment started beside it. */
async function scriptFor(parts: Parts, run: Run, stable: Serving, ctx: StageContext): Promise<string> {
  const started = run.outputsOf(startCandidate)[0];
  const instances = started?.stable.length ? started.stable : await parts.target.observe(ctx.signal);
  const shift = stable.components.flatMap(({ component, revision }) => {
    const endpoints = instances
      .filter((instance) => instance.component === component && instance.revision === revision)
      .map(({ endpoint }) => endpoint);
    return parts.routers.get(component)?.instructions([{ revision, percent: 100, endpoints }]) ?? [];
  });
  const mine = run.outputsOf(startCandidate)[0]?.candidate ?? [];
  const ours = new Set(mine.map(({ revision }) => revision));
  return rollbackScript({
    title: `Back from ${run.row.version} to ${stable.version} in ${parts.settings.environment}`,
    start: stable.components.flatMap((component) => parts.target.instructions(runSpec(parts, component)).start),
    shift,
    stop: stable.components.flatMap((component) => {
      const candidate = mine.find(
        (instance) => instance.component === component.component && ours.has(instance.revision),
      );
      return candidate
        ? parts.target.instructions({ ...runSpec(parts, component), revision: candidate.revision }).stop
        : [];
    }),
  });
}
