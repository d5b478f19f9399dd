/**
 * Finds migrations that would break the version still serving (M4), before they run. During a canary two versions use one
 * schema, so each statement is judged by what it does to the *present* code; locks come second.
 *
 * It errs on one side: what it cannot read or has no judgement about is "cannot-analyse", never harmless. What it does not
 * see: how large a table is, which types a column has now, what functions do, whether the code really uses a column.
 */
import { safeSinceIn } from "./contract-window.ts";
import { changesKnownRows } from "./data.ts";
import { findingOf, type MigrationFinding, type MigrationVerdict, unread, verdictOf } from "./finding.ts";
import { judgeStatement, locksTable, writesRows } from "./judge.ts";
import { newMemory } from "./known.ts";
import { isConcurrent } from "./locks.ts";
import { type Hit, hit, nothing } from "./rules.ts";
import { fieldsOf, kindOf, type ParsedStatement, type StatementsReading, textIn } from "./sql-tree.ts";

export interface ReadMigration {
  readonly id: string;
  /** Absent where the tool does not show the statements. */
  readonly reading?: StatementsReading;
  /** Whether its tool wraps it in a transaction; absent where that is not known. */
  readonly transaction?: boolean;
}

/** Judges a set of pending migrations in the order of their application. */
export function lintMigrations(migrations: readonly ReadMigration[]): readonly MigrationVerdict[] {
  const memory = newMemory();
  return migrations.map((migration) => {
    const { id, reading } = migration;
    if (reading === undefined) return unread(id, "its tool does not show its statements");
    if (reading.kind === "fault") return unread(id, reading.fault);
    const findings = findingsOf(migration, reading.statements, memory);
    memory.endOfMigration();
    return verdictOf(
      id,
      findings,
      reading.statements.some(({ node }) => writesRows(node)),
    );
  });
}

function findingsOf(
  migration: ReadMigration,
  statements: readonly ParsedStatement[],
  memory: ReturnType<typeof newMemory>,
): readonly MigrationFinding[] {
  const findings: MigrationFinding[] = [];
  const together = { ...migration, statements: statements.length, locked: undefined as string | undefined };
  for (const statement of statements) {
    const broken = [...judgeStatement(statement.node, memory.known), ...besideOthers(statement, together, memory)];
    const safeSince = safeSinceIn(statement.comments);
    for (const one of oncePerRule(broken)) {
      const finding = findingOf(one, migration.id, statement.text);
      findings.push(safeSince === undefined ? finding : { ...finding, safeSince });
    }
    memory.note(statement);
    together.locked ??= lockedBy(statement, memory);
  }
  return transactionIsOpen(statements) ? [...findings, findingOf(openTransaction, migration.id, "BEGIN")] : findings;
}

const oncePerRule = (hits: readonly Hit[]): readonly Hit[] =>
  [...new Map(hits.toReversed().map((one) => [one.rule, one])).values()].toReversed();

type Memory = ReturnType<typeof newMemory>;

/** What a statement may not do beside the others of its migration (rules 8 and 11). */
function besideOthers(
  { node }: ParsedStatement,
  { statements, transaction, locked }: { statements: number; transaction?: boolean; locked: string | undefined },
  { known }: Memory,
): readonly Hit[] {
  const concurrent = isConcurrent(kindOf(node), fieldsOf(node));
  const backfills = transaction !== false && locked !== undefined && changesKnownRows(node, known);
  return [
    ...(concurrent && (statements > 1 || transaction === true) ? hit("concurrently-not-alone") : nothing),
    ...(backfills ? hit("backfill-beside-ddl") : nothing),
  ];
}

/** The table of the present version that the statement keeps locked until the end of the transaction. */
function lockedBy({ node }: ParsedStatement, { known }: Memory): string | undefined {
  const table = locksTable(node);
  return table === undefined || known.relations.has(table) ? undefined : table;
}

const openTransaction: Hit = {
  rule: "cannot-analyse",
  because: "A BEGIN has no COMMIT: whether anything of it stays is up to what comes after.",
};

function transactionIsOpen(statements: readonly ParsedStatement[]): boolean {
  let open = false;
  for (const { node } of statements) {
    if (kindOf(node) !== "TransactionStmt") continue;
    const kind = textIn(fieldsOf(node), "kind");
    if (kind === "TRANS_STMT_BEGIN" || kind === "TRANS_STMT_START") open = true;
    if (kind === "TRANS_STMT_COMMIT" || kind === "TRANS_STMT_ROLLBACK") open = false;
  }
  return open;
}
