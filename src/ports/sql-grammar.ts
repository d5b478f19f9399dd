/** Reads SQL by the grammar of the database itself. What a statement means is judged elsewhere (domain/migrations/). */
import type { StatementsReading } from "../domain/migrations/sql-tree.ts";

export interface SqlGrammar {
  /**
   * One reading for each text, in the same order. A text that cannot be read, is too large or takes too long is a fault in
   * words; a text never makes it throw, hang or end the process.
   */
  read(texts: readonly string[], signal: AbortSignal): Promise<readonly StatementsReading[]>;
}
