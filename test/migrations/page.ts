/** docs/migrations.md, made of the rules and of the examples that prove them (npm run generate; corpus.test.ts compares). */
import { stripVTControlCharacters } from "node:util";
import { migrationLines } from "../../src/cli/render/plan-text.ts";
import type { RuleText } from "../../src/domain/migrations/rule.ts";
import { migrationRules, ruleTitles } from "../../src/domain/migrations/rules.ts";
import { lintSqliteMigrations } from "../../src/domain/migrations/sqlite-lint.ts";
import { type Example, squawk, strongMigrations } from "./corpus.ts";

/** As the plan prints it, by the same code. */
function sample(): string {
  const sql = "ALTER TABLE items RENAME COLUMN name TO title;";
  const [verdict] = lintSqliteMigrations([{ id: "0004_item_title", sql }]);
  const lines = verdict === undefined ? [] : migrationLines({ database: "main", sql, ...verdict }, 140);
  return lines.map((line) => stripVTControlCharacters(line)).join("\n");
}

const head = `# Migrations while two versions are live

During a rollout the version that serves and its candidate use one schema. Before anything runs, the plan reads every pending migration and says what it
would do to the version that serves:

    sluice plan production v1.5.0                    # among everything else
    sluice migrate production v1.5.0 --dry-run       # the migrations alone; applies nothing

\`\`\`
${sample()}
\`\`\`

First the migration, its database and its class; its statements; then each finding: the rule, the statement, why, and the steps that reach the same without an
interruption. ✗ is a finding of severity *block*, ! one of severity *warn*. This page has all rules. How migrations are run, their limits, and what happens when one
fails: [migrations with a tool](how-to/migrations-with-a-tool.md).

## What a finding does

\`environments.<name>.checks.migration-lint\` says what a *block* finding does: \`block\` refuses the plan (exit code 3, nothing was touched), \`warn\` shows it to whoever approves,
\`off\` shows it below the migration and nowhere else. The default is \`block\` with the policy strict, and \`warn\` with basic and standard. A *warn* finding never refuses anything.

When a release is refused:

1. Do it in the steps that are printed: a release for each. That is always possible, and usually right.
2. Something is taken away that nobody uses any more: say so above the statement ([below](#taking-something-away)).
3. You know better, for example that the table is empty or that the service may stand still: set \`migration-lint: warn\` for this environment, commit, deploy, and set it
   back. The finding stays in the plan that people approve, and in the record.

Where nothing serves yet nothing can break, and only rule 14 (a changed history) counts.

## How they are read

PostgreSQL's migrations are read by PostgreSQL's own grammar (libpg-query, the parser of version 18), SQLite's by their tokens; those of MariaDB and MySQL are not read, and count as what cannot be. What cannot be read, is longer than half a million
characters, takes longer than 20 seconds or hides its statements (DO, EXECUTE, unknown functions, psql commands) is never taken for harmless: rule 13. So is a migration whose tool does
not show its SQL: a \`kind: command\` shows it by printing \`{"id": …, "sql": …}\` for each pending one.

What the lint does not see: how large a table is, which type a column has now, which schema an unqualified name means, what a function does, whether the code really uses a column. So a
type change that PostgreSQL does without writing the table anew is found as well.

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

It means: v1.4.0 and every later version can live with this statement; v1.4.0 is the first one whose code does without the column. The plan then allows it as a remark once v1.4.0 or a later version serves and no
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
