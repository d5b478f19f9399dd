/** D4 Z4: who did what, when and why; and whether that is still the story that was written. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { AuditReport, FoundFault } from "../../app/audit.ts";
import type { DeploymentRow, Ledger } from "../../app/model.ts";
import type { DeploymentEvent } from "../../domain/events.ts";
import { stripControl } from "../../domain/redactor.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { deploymentOf } from "../find.ts";
import { paint } from "../output.ts";
import { hanging, plural, table, timestamp } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import { usage, wholeNumber } from "../usage.ts";

export interface AuditListOptions {
  readonly limit?: string;
}

interface Entry {
  readonly atMs: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  /** What happened, in words. */
  readonly what: string;
  readonly reason: string | null;
  readonly environment: string;
  readonly deployment: string | null;
}

interface Scope {
  readonly environment?: string;
  readonly deploymentId?: string;
}

export async function auditListCommand(
  session: Session,
  words: string | undefined,
  options: AuditListOptions,
): Promise<number> {
  const { output } = session;
  const limit = wholeNumber(options.limit ?? "50", "--limit", { min: 1, max: 10_000 });
  const state = await session.knownState();
  const scope = await scopeOf(session, state?.ledger, words);
  const entries = state ? (await entriesOf(state.ledger, scope, limit)).slice(0, limit) : [];
  const header = ["when", "who", "what", "where", "why"].map((text) => paint.dim(text));
  const lines = entries.map(({ atMs, actor, what, reason, environment, deployment }) => [
    timestamp(atMs),
    ...[actor, what, deployment ?? environment, reason ?? "–"].map((text) => stripControl(text).replaceAll("\n", " ")),
  ]);
  const shown = table([header, ...lines], output.resultColumns()).join("\n");
  output.result({ entries: entries.map(({ atMs: _, ...entry }) => entry) }, lines.length > 0 ? shown : "nothing yet");
  output.next("sluice audit verify");
  return 0;
}

/** A name that is an environment's means all that was done there. */
async function scopeOf(session: Session, ledger: Ledger | undefined, words: string | undefined): Promise<Scope> {
  if (words === undefined) return {};
  const { environmentNames } = await import("../../app/environment-names.ts");
  const names = environmentNames(resolve(session.projectFolder, session.configurationFile)) ?? [];
  const known = ledger && (await ledger.chains()).some(({ kind, id }) => kind === "environment" && id === words);
  if (known || names.includes(words)) return { environment: words };
  const { id } = await deploymentOf(session, words);
  return { deploymentId: id };
}

/** Newest first. A deployment's start and end are its row's; everything else is an event by a person. */
async function entriesOf(ledger: Ledger, scope: Scope, limit: number): Promise<readonly Entry[]> {
  const { environment, deploymentId } = scope;
  const actions = await ledger.actions({ ...scope, limit });
  const one = deploymentId === undefined ? undefined : await ledger.deployment(deploymentId);
  const rows = one ? [one] : await ledger.deployments({ limit, ...(environment ? { environment } : {}) });
  const entries = [...actions.map(actionEntry), ...rows.flatMap(rowEntries)];
  return entries.sort((a, b) => b.atMs - a.atMs);
}

function actionEntry(event: DeploymentEvent): Entry {
  const { atMs, actor, step, title, environment, deploymentId } = event;
  return {
    ...timeOf(atMs),
    actor: actor ?? "",
    action: step,
    what: title,
    reason: reasonIn(event),
    environment,
    deployment: deploymentId,
  };
}

function reasonIn({ detail }: DeploymentEvent): string | null {
  const { reason, comment } = (detail ?? {}) as { readonly reason?: unknown; readonly comment?: unknown };
  const found = [reason, comment].find((text) => typeof text === "string" && text !== "");
  return (found as string | undefined) ?? null;
}

function rowEntries(row: DeploymentRow): readonly Entry[] {
  const { id, kind, version, environment, startedBy, createdAtMs, endedAtMs, outcome, input } = row;
  const { rollback } = (input ?? {}) as { readonly rollback?: { readonly reason?: string } | null };
  const verb = kind === "rollback" ? "Rollback to" : "Deployment of";
  const same = { environment, deployment: id };
  const started: Entry = {
    ...timeOf(createdAtMs),
    actor: startedBy,
    action: kind,
    what: `${verb} ${version} started`,
    reason: rollback?.reason || null,
    ...same,
  };
  if (endedAtMs === null || outcome === null) return [started];
  const what = `${verb} ${version} ended: ${outcome}`;
  return [{ ...timeOf(endedAtMs), actor: "sluice", action: "end", what, reason: null, ...same }, started];
}

const timeOf = (atMs: number) => ({ atMs, at: new Date(atMs).toISOString() });

export interface AuditVerifyOptions {
  readonly checkpoints?: string;
  readonly signers?: string;
}

/** Exit code 0: intact, as far as it can be seen; 1: not. */
export async function auditVerifyCommand(session: Session, options: AuditVerifyOptions): Promise<number> {
  const { output } = session;
  const { verifyAudit } = await import("../../app/audit.ts");
  const { configuredSigners, keptCheckpoints } = await import("../../app/checkpoints.ts");
  const { all, unknown } = await settingsOfAll(session);
  const signers = options.signers === undefined ? configuredSigners(all) : textOf(options.signers, "--signers");
  if (options.checkpoints !== undefined) textOf(options.checkpoints, "--checkpoints");
  const files =
    options.checkpoints === undefined
      ? [...new Set(all.map(({ audit }) => audit.checkpoints))]
      : [resolve(options.checkpoints)];
  const state = await session.knownState();
  const places = files.map((file) => keptCheckpoints(file, signers));
  const found = await verifyAudit(state?.ledger, places, session.interrupted);
  const blind = options.checkpoints === undefined ? unknown : [];
  const report: AuditReport = { ...found, cannotSee: [...found.cannotSee, ...blind] };
  output.result(report, reportText(report, output.resultColumns()));
  output.next(nextAfter(report));
  return report.intact ? 0 : 1;
}

/** An audit goes on with a configuration that is broken; it only says what it could not learn from it. */
async function settingsOfAll(
  session: Session,
): Promise<{ readonly all: readonly EnvironmentSettings[]; readonly unknown: readonly string[] }> {
  const all: EnvironmentSettings[] = [];
  try {
    const project = await session.project();
    for (const name of Object.keys(project.configuration.environments)) all.push(project.settings(name));
    return { all, unknown: [] };
  } catch {
    return { all, unknown: ["which checkpoints are configured: sluice.yaml has faults (sluice validate)"] };
  }
}

function textOf(file: string, option: string): string {
  const path = resolve(file);
  if (!existsSync(path)) throw usage(`${option}: there is no file ${path}.`, `sluice audit verify ${option} <file>`);
  return readFileSync(path, "utf8");
}

function reportText(report: AuditReport, columns: number): string {
  const { deployments, environments, events, coveredEvents, faults, places, cannotSee } = report;
  const broken = faults.filter(({ kind }) => kind !== "signature").length;
  const counted = `${plural(events, "event")} of ${plural(deployments, "deployment")} and ${plural(environments, "environment")}`;
  const verdict =
    broken === 0
      ? `${counted}: each follows from the one before`
      : `${counted}: ${plural(broken, "story", "stories")} broken`;
  return [
    ...hanging(`${glyph(broken === 0 ? "ok" : "bad")} `, verdict, columns),
    ...places.flatMap((place) => hanging(`${glyph(placeTone(report, place))} `, placeText(place), columns)),
    ...(places.length > 0
      ? hanging(
          `${glyph("info")} `,
          `${coveredEvents} of ${plural(events, "event")} are covered by a checkpoint`,
          columns,
        )
      : []),
    ...faults.flatMap((fault) => hanging(`${glyph("bad")} `, faultText(fault), columns)),
    ...cannotSee.flatMap((text) => hanging(`${glyph("warn")} `, `cannot see ${text}`, columns)),
  ].join("\n");
}

function placeTone({ faults }: AuditReport, { location, checkpoints, unreadableLines }: AuditReport["places"][number]) {
  if (faults.some(({ where }) => where.startsWith(location))) return "bad";
  return checkpoints === 0 || unreadableLines.length > 0 ? "warn" : "ok";
}

function placeText({ location, checkpoints, signed, unsigned, unproven }: AuditReport["places"][number]): string {
  const parts = [
    signed > 0 ? `${signed} signed by a trusted key` : "",
    unproven > 0 ? `${unproven} signed by a key nobody vouches for` : "",
    unsigned > 0 ? `${unsigned} not signed` : "",
  ].filter((text) => text !== "");
  return `${plural(checkpoints, "checkpoint")} in ${location}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}`;
}

const faultText = ({ where, seq, kind, message }: FoundFault): string =>
  stripControl(`${where}${seq === null ? "" : `, event ${seq}`}: ${kind}: ${message}`);

function nextAfter({ faults }: AuditReport): string {
  const chain = faults.find((fault) => fault.chain !== null && fault.kind !== "signature")?.chain;
  return chain ? `sluice audit list ${chain.id}` : "sluice audit";
}
