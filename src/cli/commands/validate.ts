/** W3 F8: is the configuration sound, and what does it come to? Faults with their places, else every default spelled out. */
import { describeEnvironment, type EnvironmentDescription } from "../../config/describe.ts";
import { faultLine } from "../../config/faults.ts";
import { strictnessLevels } from "../../domain/checks.ts";
import { paint } from "../output.ts";
import { hanging, plural, table } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";

export async function validateCommand(session: Session, environment: string | undefined): Promise<number> {
  const { output } = session;
  const project = await session.project();
  const names = environment === undefined ? Object.keys(project.configuration.environments) : [environment];
  const described = names.map((name) => describeEnvironment(project.settings(name)));
  const columns = output.resultColumns();
  const shown =
    environment === undefined
      ? [actionsText(described, columns), ...described.map((each) => factsText(each, columns))]
      : described.map((each) => [levelsText(each, columns), factsText(each, columns)].join("\n\n"));
  const warnings = project.warnings.map((warning) => `${glyph("warn")} ${faultLine(warning)}`);
  const summary = `${glyph("ok")} ${project.file} is valid: ${plural(names.length, "environment")}${warnings.length > 0 ? `, ${plural(warnings.length, "warning")}` : ""}`;
  output.result(
    { valid: true, file: project.file, environments: described, warnings: project.warnings },
    [...shown, [...warnings, summary].join("\n")].join("\n\n"),
  );
  output.next(
    environment === undefined && names.length > 1
      ? `sluice validate ${names.at(-1)}`
      : `sluice check ${names[0] ?? "<environment>"}`,
  );
  return 0;
}

/** One row a check, one column an environment: `*` marks a cell that the configuration overrides. */
function actionsText(described: readonly EnvironmentDescription[], columns: number): string {
  const [first] = described;
  if (first === undefined) return "no environments";
  const header = ["check", ...described.map(({ environment, strictness }) => `${environment} (${strictness})`)].map(
    (text) => paint.dim(text),
  );
  const rows = first.checks.map(({ name, about }) => [
    name,
    ...described.map(({ checks }) => actionText(checks.find((row) => row.name === name))),
    paint.dim(about),
  ]);
  return [...table([[...header, paint.dim("about")], ...rows], columns), ...overrideNote(described)].join("\n");
}

/** F8: the whole table of one environment, its own column first. */
function levelsText(described: EnvironmentDescription, columns: number): string {
  const header = ["check", `${described.environment}`, ...strictnessLevels].map((text) =>
    text === described.strictness ? paint.bold(text) : paint.dim(text),
  );
  const rows = described.checks.map((row) => [
    row.name,
    actionText(row),
    ...strictnessLevels.map((level) => paint.dim(row.levels[level])),
    paint.dim(row.about),
  ]);
  return [...table([[...header, paint.dim("about")], ...rows], columns), ...overrideNote([described])].join("\n");
}

function actionText(row: EnvironmentDescription["checks"][number] | undefined): string {
  if (row === undefined) return "–";
  const painted =
    row.action === "block" ? paint.bold(row.action) : row.action === "off" ? paint.dim(row.action) : row.action;
  return row.overridden ? `${painted}${paint.yellow("*")}` : painted;
}

const overrideNote = (described: readonly EnvironmentDescription[]): readonly string[] =>
  described.some(({ checks }) => checks.some(({ overridden }) => overridden))
    ? [paint.dim("* set in the configuration; the policy's table says otherwise")]
    : [];

function factsText({ environment, strictness, facts }: EnvironmentDescription, columns: number): string {
  const lines = facts.flatMap(({ label, value }) => hanging(paint.dim(`  ${label.padEnd(12)}`), value, columns));
  return [`${paint.bold(environment)} ${paint.dim(strictness)}`, ...lines].join("\n");
}
