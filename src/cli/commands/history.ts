/** What happened: a list of deployments, and the record of one. */
import { humanDuration } from "../../domain/duration.ts";
import type { Failure } from "../../domain/errors.ts";
import { type Outcome, outcomes } from "../../domain/outcome.ts";
import { stripControl } from "../../domain/redactor.ts";
import { deploymentOf } from "../find.ts";
import { paint } from "../output.ts";
import { hanging, plural, table, timestamp } from "../render/text.ts";
import { briefOutcome, glyph, outcomeWords } from "../render/words.ts";
import type { Session } from "../session.ts";
import { usage, wholeNumber } from "../usage.ts";

export interface HistoryOptions {
  readonly limit?: string;
  readonly outcome?: string;
}

export async function historyCommand(
  session: Session,
  environment: string | undefined,
  options: HistoryOptions,
): Promise<number> {
  const { output } = session;
  const limit = wholeNumber(options.limit ?? "20", "--limit", { min: 1, max: 1_000 });
  const wanted = options.outcome;
  if (wanted !== undefined && !outcomes.includes(wanted as Outcome)) {
    throw usage(
      `--outcome is one of ${outcomes.join(", ")}, not ${JSON.stringify(wanted)}.`,
      "sluice history --outcome failed",
    );
  }
  if (environment !== undefined) await session.settings(environment);
  const state = await session.knownState();
  const filter = {
    ...(environment === undefined ? {} : { environment }),
    ...(wanted === undefined ? { limit } : { limit: 1_000 }),
  };
  const all = state ? await state.ledger.deployments(filter) : [];
  const rows = all.filter(({ outcome }) => wanted === undefined || outcome === wanted).slice(0, limit);
  const plain = rows.map(({ input: _input, ...row }) => row);
  if (rows.length === 0) {
    output.result({ deployments: [] }, "nothing was deployed yet");
    output.next(`sluice plan ${environment ?? "<environment>"} <version>`);
    return 0;
  }
  const header = ["deployment", "environment", "version", "outcome", "started", "took", "by"].map((text) =>
    paint.dim(text),
  );
  const lines = rows.map((row) => [
    row.id,
    row.environment,
    row.kind === "rollback" ? `${row.version} (rollback)` : row.version,
    briefOutcome(row),
    timestamp(row.createdAtMs),
    row.endedAtMs === null ? "–" : humanDuration(row.endedAtMs - row.createdAtMs),
    stripControl(row.startedBy),
  ]);
  output.result({ deployments: plain }, table([header, ...lines], output.resultColumns()).join("\n"));
  output.next(`sluice record ${rows[0]?.id}`);
  return 0;
}

interface Recorded {
  readonly outcome: Outcome;
  readonly started_by: string;
  readonly started_at: string;
  readonly durations_ms: Readonly<Record<string, number>>;
  readonly failure: Failure | null;
  readonly verdict?: {
    readonly caught: { readonly requests: number; readonly failed: number; readonly after_ms: number | null } | null;
  } & (
    | { readonly compared: false; readonly why: string }
    | { readonly compared: true; readonly kind: keyof typeof verdictWords; readonly reason: string }
  );
  readonly undone: readonly string[];
  readonly remains: readonly string[];
  readonly approvals: readonly { readonly by: string; readonly decision: string; readonly proof: string }[];
  readonly backups: readonly { readonly id: string; readonly level: string }[];
  readonly rollback_until: string | null;
  readonly serves_now: string | null;
  readonly folder: string;
  readonly notes: readonly { readonly by: string; readonly at: string; readonly text: string }[];
}

/** D1: the record as it is kept with `--json`, else what a person wants to know of it, and where it lies. */
export async function recordCommand(session: Session, words: string): Promise<number> {
  const { output } = session;
  const row = await deploymentOf(session, words);
  const { ledger } = await session.state();
  const record = (await ledger.record(row.id)) as unknown as Recorded | undefined;
  if (record === undefined) {
    const unended = row.state === "ended" ? "it has no record" : `it is ${row.state}; its record is written at its end`;
    throw usage(`${row.id}: ${unended}.`, `See it: sluice status ${row.id}`);
  }
  output.result(record, recordText(`${row.version} in ${row.environment}`, record, output.resultColumns()));
  const canGoBack = record.rollback_until !== null && Date.parse(record.rollback_until) > Date.now();
  output.next(canGoBack ? `sluice rollback ${row.environment} --dry-run` : `sluice logs ${row.id}`);
  return 0;
}

const verdictWords = {
  rollback: "worse than the stable version",
  hold: "held",
  good: "as good as the stable version",
  undecided: "nothing against it",
} as const;

/** Records of earlier versions have none. */
function verdictTexts(verdict: Recorded["verdict"]): readonly string[] {
  if (verdict === undefined) return [];
  const { caught } = verdict;
  const after = caught?.after_ms == null ? "" : `, ${humanDuration(caught.after_ms)} after its first`;
  return [
    verdict.compared ? `${verdictWords[verdict.kind]}: ${verdict.reason}` : `nothing was compared: ${verdict.why}`,
    ...(caught ? [`caught after ${plural(caught.requests, "request")}, ${caught.failed} failed${after}`] : []),
  ];
}

function recordText(what: string, record: Recorded, columns: number): string {
  const label = (text: string) => paint.dim(text.padEnd(12));
  const many = (name: string, texts: readonly string[]) =>
    texts.flatMap((text, at) => hanging(label(at === 0 ? name : ""), stripControl(text), columns));
  const { total = 0, ...stages } = record.durations_ms;
  const times = Object.entries(stages)
    .filter(([, ms]) => ms >= 50)
    .map(([stage, ms]) => `${stage} ${humanDuration(ms)}`);
  return [
    `${glyph(record.outcome === "succeeded" ? "ok" : "bad")} ${paint.bold(`${what}: ${outcomeWords[record.outcome]}`)}`,
    ...many("started", [`${record.started_at} by ${record.started_by}`]),
    ...many("took", [`${humanDuration(total)}${times.length > 0 ? `: ${times.join(", ")}` : ""}`]),
    ...many("why", record.failure ? [`${record.failure.message} (${record.failure.code})`] : []),
    ...many("do", record.failure ? [record.failure.hint] : []),
    ...many("verdict", verdictTexts(record.verdict)),
    ...many("undone", record.undone),
    ...many("stays", record.remains),
    ...many(
      "approvals",
      record.approvals.map(({ by, decision, proof }) => `${by}: ${decision} (${proof})`),
    ),
    ...many(
      "backups",
      record.backups.map(({ id, level }) => `${id} (${level})`),
    ),
    ...many("way back", record.rollback_until ? [`until ${record.rollback_until}`] : []),
    ...many(
      "notes",
      record.notes.map(({ by, at, text }) => `${at} ${by}: ${text}`),
    ),
    ...many("serves", [record.serves_now ?? "nothing"]),
    `${label("record")}${record.folder}/deployment-record.json`,
  ].join("\n");
}
