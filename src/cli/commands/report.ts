/** D2 D6: reports of what the ledger has: of one deployment, and DORA's figures of many. Markdown for people, JSON with `--json`. */
import { doraReport } from "../../app/dora-report.ts";
import type { Dora, Figure } from "../../domain/dora.ts";
import { humanDuration } from "../../domain/duration.ts";
import { failureReport, incidentJson } from "../../domain/failure-report.ts";
import { failureFactsOf, type RecordedDeployment, recordedFrom } from "../../domain/recorded.ts";
import { stripControl } from "../../domain/redactor.ts";
import { summaryText } from "../../domain/summary.ts";
import { deploymentOf } from "../find.ts";
import { table } from "../render/text.ts";
import type { Session } from "../session.ts";
import { duration, usage } from "../usage.ts";

export async function incidentCommand(session: Session, words: string): Promise<number> {
  const { id, record, ledger } = await recordOf(session, words);
  const { onCall } = await session.settings(record.environment);
  const facts = failureFactsOf(record, await ledger.events(id, 0), onCall);
  if (facts === undefined)
    throw usage(`${id} ended as ${record.outcome}: nothing failed.`, `Its summary: sluice report summary ${id}`);
  session.output.result(incidentJson(facts), stripControl(failureReport(facts)));
  session.output.next(`sluice logs ${id}`);
  return 0;
}

export async function summaryCommand(session: Session, words: string): Promise<number> {
  const { id, project, record } = await recordOf(session, words);
  session.output.result(record, stripControl(summaryText(project, record)));
  session.output.next(`sluice record ${id}`);
  return 0;
}

async function recordOf(session: Session, words: string) {
  const row = await deploymentOf(session, words);
  const { ledger } = await session.state();
  const record = await ledger.record(row.id);
  if (record === undefined)
    throw usage(`${row.id} has no record; it is ${row.state}.`, `See it: sluice status ${row.id}`);
  const recorded: RecordedDeployment = recordedFrom(record);
  return { id: row.id, project: row.project, record: recorded, ledger };
}

export interface DoraOptions {
  readonly period: string;
}

export async function doraCommand(
  session: Session,
  environment: string | undefined,
  options: DoraOptions,
): Promise<number> {
  const { output } = session;
  const periodMs = duration(options.period, "--period");
  if (periodMs < 3_600_000)
    throw usage("--period is at least an hour.", "For example: sluice report dora --period 30d");
  if (environment !== undefined) await session.settings(environment);
  const state = await session.knownState();
  if (!state) throw usage("Nothing was deployed yet.", "sluice plan <environment> <version>");
  const { now, before } = await doraReport(state.ledger, environment, periodMs);
  const rows = lines.map(({ label, figure, words }) => [
    label,
    words(figure(now)),
    `${figure(now).of}`,
    words(figure(before)),
  ]);
  const header = ["", `last ${humanDuration(periodMs)}`, "deployments", "before that"];
  output.result(
    { environment: environment ?? null, now, before },
    table([header, ...rows], output.resultColumns()).join("\n"),
  );
  output.next(`sluice history${environment === undefined ? "" : ` ${environment}`}`);
  return 0;
}

const known = (write: (value: number) => string) => (figure: Figure) =>
  figure.value === null ? "–" : write(figure.value);
const percent = known((value) => `${(100 * value).toFixed(0)} %`);

const lines: readonly {
  readonly label: string;
  readonly figure: (dora: Dora) => Figure;
  readonly words: (figure: Figure) => string;
}[] = [
  {
    label: "deployment frequency",
    figure: (dora) => dora.deploymentsPerDay,
    words: known((value) => `${Number(value.toFixed(2))} a day`),
  },
  { label: "lead time for changes", figure: (dora) => dora.leadTimeMs, words: known(humanDuration) },
  { label: "change failure rate", figure: (dora) => dora.changeFailureShare, words: percent },
  { label: "recovery time", figure: (dora) => dora.recoveryMs, words: known(humanDuration) },
  { label: "rework rate", figure: (dora) => dora.reworkShare, words: percent },
];
