/** P1 P2: the plan as a person reads it before agreeing: what, why it may go wrong, what it does in which order, and the way back. */
import { type Change, isMovedTag, tagAtForge } from "../../domain/change-list.ts";
import { humanDuration } from "../../domain/duration.ts";
import type { Finding, Plan, PlannedMigration } from "../../domain/plan.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { clip, fold, hanging, padEnd, padStart, plural, timestamp, widthOf } from "./text.ts";
import { glyph, type Tone, tint } from "./words.ts";

export interface PlanTextOptions {
  readonly columns: number;
  /** Commits shown of the change list. */
  readonly changesShown: number;
}

export function planText(plan: Plan, digest: string, options: PlanTextOptions): string {
  const { columns } = options;
  const sections = [
    headSection(plan, columns),
    changesSection(plan, options),
    [
      "",
      title("Checks"),
      ...plan.findings.flatMap((finding) => findingLines(finding, checkWidth(plan.findings), columns)),
    ],
    migrationsSection(plan, columns),
    stepsSection(plan, columns),
    foresightSection(plan, columns),
    ["", title("If it goes wrong"), ...plan.rollback.flatMap((line) => hanging("  ← ", stripControl(line), columns))],
    riskSection(plan, columns),
    footSection(plan, digest, columns),
  ];
  return sections.flat().join("\n");
}

const title = (text: string): string => paint.bold(text);
/** Plans of earlier versions of Sluice have none. */
function foresightSection({ foresight = [] }: Partial<Plan>, columns: number): readonly string[] {
  if (foresight.length === 0) return [];
  return [
    "",
    title("What the rollout can see"),
    ...foresight.flatMap((line) => hanging("  · ", stripControl(line), columns)),
  ];
}

const label = (text: string): string => paint.dim(padEnd(`  ${text}`, 14));

function headSection(plan: Plan, columns: number): readonly string[] {
  const { release, environment, url, replaces, artifacts } = plan;
  const from = replaces
    ? `replaces ${replaces.version} (serving since ${timestamp(replaces.sinceMs)})`
    : "the first version here: nothing serves yet";
  return [
    title(`${release.version} → ${environment}`) + (url ? paint.dim(`  ${url}`) : ""),
    ...hanging(
      label("commit"),
      `${release.commit.slice(0, 12)} by ${stripControl(release.author)}, ${timestamp(release.committedAtMs)}`,
      columns,
    ),
    ...hanging(label("subject"), stripControl(release.subject), columns),
    ...hanging(label("state"), from, columns),
    ...forgeLines(plan, columns),
    ...artifacts.map(({ component, digest }) => clip(`${label("artifact")}${component} ${digest}`, columns)),
  ];
}

/** What the forge has under the release's name, and what it did not say. */
function forgeLines({ atForge, release }: Plan, columns: number): readonly string[] {
  if (atForge === undefined) return [];
  const { kind, lacking } = atForge;
  const tag = tagAtForge(release, atForge);
  const moved = isMovedTag(release, atForge);
  return [
    ...(tag ? hanging(label(kind), `${moved ? `${glyph("warn")} ` : ""}${stripControl(tag)}`, columns) : []),
    ...(lacking ? hanging(label(kind), `not all is known of the change list: ${stripControl(lacking)}`, columns) : []),
  ];
}

function changesSection({ changes, replaces }: Plan, { columns, changesShown }: PlanTextOptions): readonly string[] {
  const shown = changes.slice(0, changesShown);
  const since = replaces ? ` since ${replaces.version}` : "";
  const more = changes.length - shown.length;
  return [
    "",
    title(changes.length === 0 ? `No commits${since}` : `${plural(changes.length, "commit")}${since}`),
    ...shown.map((change) =>
      clip(
        `  ${paint.dim(change.sha.slice(0, 7))} ${stripControl(change.subject)} ${paint.dim(`(${stripControl(whoAndWhy(change))})`)}`,
        columns,
      ),
    ),
    ...(more > 0 ? [paint.dim(`  … and ${plural(more, "more", "more")}`)] : []),
  ];
}

/** `Ada @ada, #12 by @bob`: the account of the request is told where it is another one. */
function whoAndWhy({ author, account, pullRequests = [] }: Change): string {
  const who = account ? `${author} @${account}` : author;
  const requests = pullRequests.map(
    ({ number, account: by }) => `#${number}${by && by !== account ? ` by @${by}` : ""}`,
  );
  return [who, ...requests].join(", ");
}

export const checkWidth = (findings: readonly Pick<Finding, "check">[]): number =>
  Math.max(0, ...findings.map(({ check }) => widthOf(check)));

export function toneOf({ verdict, action }: Pick<Finding, "verdict" | "action">): Tone {
  if (verdict === "pass") return "ok";
  return action === "block" ? "bad" : "warn";
}

/** F9: what was seen and, below a failure, what to do. */
export function findingLines(finding: Finding, width: number, columns: number): readonly string[] {
  const { check, verdict, action, detail, hint } = finding;
  const tone = toneOf(finding);
  const said =
    verdict === "pass"
      ? ""
      : tint(tone, `${verdict === "unknown" ? "unknown" : "failed"}, ${action === "block" ? "blocks" : "warns"}: `);
  const indent = " ".repeat(width + 6);
  return [
    ...hanging(`  ${glyph(tone)} ${padEnd(check, width)}  `, `${said}${stripControl(detail)}`, columns),
    ...(verdict === "pass" || hint === "" ? [] : hanging(`${indent}${paint.dim("→ ")}`, stripControl(hint), columns)),
  ];
}

function migrationsSection({ migrations }: Plan, columns: number): readonly string[] {
  if (migrations.length === 0) return [];
  return [
    "",
    title(plural(migrations.length, "migration")),
    ...migrations.flatMap((migration) => migrationLines(migration, columns)),
  ];
}

export function migrationLines(
  { database, id, class: kind, sql, findings }: PlannedMigration,
  columns: number,
): readonly string[] {
  const statements = sql === null ? [paint.dim("    (the tool does not show its statements)")] : sqlLines(sql, columns);
  const remarks = findings.flatMap(({ rule, severity, statement, reason, recipe }) => [
    ...hanging(
      `    ${glyph(severity === "block" ? "bad" : "warn")} `,
      `${paint.bold(rule)}: ${stripControl(statement)}: ${stripControl(reason)}`,
      columns,
    ),
    ...recipe.flatMap((step, at) => hanging(`      ${at + 1}. `, stripControl(step), columns)),
  ]);
  return [`  ${paint.bold(stripControl(id))} ${paint.dim(`(${database}, ${kind})`)}`, ...statements, ...remarks];
}

const sqlLines = (sql: string, columns: number): readonly string[] =>
  stripControl(sql)
    .trimEnd()
    .split("\n")
    .map((line) => clip(`    ${paint.cyan("│")} ${line.replaceAll("\t", "  ")}`, columns));

function stepsSection({ steps }: Plan, columns: number): readonly string[] {
  const width = Math.max(0, ...steps.map(({ stage }) => widthOf(stage)));
  const total = steps.reduce((sum, { expectedMs }) => sum + expectedMs, 0);
  return [
    "",
    `${title("What will happen")} ${paint.dim(`about ${humanDuration(total)} besides waiting for people`)}`,
    ...steps.flatMap(({ stage, lines, expectedMs }, at) =>
      lines.flatMap((line, nth) => {
        const first = nth === 0;
        const head = `  ${padStart(first ? `${at + 1}.` : "", 3)} ${padEnd(first ? stage : "", width)}  ${paint.dim(padStart(first && expectedMs > 0 ? humanDuration(expectedMs) : "", 12))}  `;
        return hanging(head, stripControl(line), columns);
      }),
    ),
  ];
}

function riskSection({ risk }: Plan, columns: number): readonly string[] {
  const tones = { low: "ok", medium: "warn", high: "bad" } as const;
  const reasons = risk.reasons.flatMap(({ level, text }) =>
    hanging(`  ${tint(tones[level], padEnd(level, 6))}  `, stripControl(text), columns),
  );
  return [
    "",
    `${title("Risk:")} ${tint(tones[risk.level], risk.level)}`,
    ...(reasons.length > 0 ? reasons : [paint.dim("  nothing speaks against it")]),
  ];
}

const fencingWords = {
  enforced: "refuses an outdated actor itself",
  checked: "is asked just before each change",
} as const;

function footSection({ targets, approvals }: Plan, digest: string, columns: number): readonly string[] {
  const { required, approvers } = approvals;
  const from = approvers.length > 0 ? ` of ${approvers.join(", ")}` : "";
  return [
    "",
    ...targets.flatMap(({ what, kind, fencing }) =>
      hanging(label("fencing"), `${what} (${kind}): ${fencing}, it ${fencingWords[fencing]}`, columns),
    ),
    ...hanging(label("approvals"), required === 0 ? "none needed" : `${required}${from}`, columns),
    ...fold(`${label("digest")}${digest}`, columns),
  ];
}
