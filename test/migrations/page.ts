/** docs/migrations.md, made of the rules and of the examples that prove them (npm run generate; corpus.test.ts compares). */
import type { RuleText } from "../../src/domain/migrations/rule.ts";
import { migrationRules, ruleTitles } from "../../src/domain/migrations/rules.ts";
import { type Example, squawk, strongMigrations } from "./corpus.ts";

const head = `# Migrations while two versions are live

During a rollout the version that serves and its candidate use one schema. Before anything runs, the plan reads every pending migration and says what it
would do to the version that serves (M4). \`checks.migration-lint\` decides what a finding of severity *block* does: \`strict\` refuses the plan, \`basic\`
and \`standard\` warn. Where nothing serves yet, only rule 14 counts.

PostgreSQL's migrations are read by PostgreSQL's own grammar (libpg-query, the parser of version 18), SQLite's by their tokens. What cannot be read, is longer than half a million
characters, takes longer than 20 seconds or hides its statements (DO, EXECUTE, unknown functions, psql commands) is never taken for harmless: rule 13.

What the lint does not see: how large a table is, which type a column has now, what a function does, whether the code really uses a column. So a type
change that PostgreSQL does without writing the table anew is found as well.

## Classes

| Class | Means |
|---|---|
| expand | only adds: may run beside the build (\`build: with-migrations\`) |
| data | changes rows: runs after the build |
| contract | takes something away or tightens something, or cannot be analysed: runs after the build; what is taken away waits for the rollback window |

Tables, views, sequences and enumerations that the same set of migrations made are free: the version that serves does not know them.

## Taking something away

Whether code still uses a column stands in no migration, so the team says it, above the statement, in a line of its own:

\`\`\`sql
-- sluice: safe since v1.4.0
ALTER TABLE orders DROP COLUMN note;
\`\`\`

It means: v1.4.0 and every later version can live with this statement. The plan then allows it as a remark once v1.4.0 or a later version serves and no
run whose rollback goes to an earlier one is inside its rollback window. Until then it is refused with the moment from which it is allowed; try again with
\`sluice plan <environment> <version>\`. Without the line a drop stays a finding of severity *block*. The line helps the rules marked *waits* below, no others:
a rename breaks whichever of two versions does not know the name.

`;

export function migrationsPage(): string {
  const numbers = ruleTitles.map((title, at) => ruleSection(at + 1, title));
  return `${head}## The fourteen rules\n\n${numbers.join("\n")}\n${examples("squawk", squawk)}\n${examples("strong_migrations", strongMigrations)}`;
}

function ruleSection(number: number, title: string): string {
  const entries = Object.entries<RuleText>(migrationRules).filter(([, rule]) => rule.number === number);
  return `### ${number}. ${title}\n\n${entries.map(([id, rule]) => ruleText(id, rule)).join("\n")}`;
}

function ruleText(id: string, { severity, class: kind, reason, recipe, sources, waits }: RuleText): string {
  const steps = recipe.map((step, at) => `${at + 1}. ${step}`).join("\n");
  return `**\`${id}\`** (${severity}, ${kind}${waits ? ", waits" : ""}). ${reason}\n\n${steps}\n\nElsewhere: ${sources.join("; ")}.\n`;
}

function examples(tool: string, list: readonly Example[]): string {
  const rows = list.map(({ rule, sql, expects, why }) => {
    const found = expects.map((id) => `\`${id}\``).join(", ");
    const cell = [found, why].filter((part) => part !== undefined && part !== "").join("; ");
    return `| ${rule} | \`${sql.replaceAll("|", "\\|")}\` | ${cell} |`;
  });
  return `## The rules of ${tool}, and what finds the same here\n\n| ${tool} | for example | found as |\n|---|---|---|\n${rows.join("\n")}\n`;
}
