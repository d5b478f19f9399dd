/** A look at a database's schema before and after migrations, and the end of what a failed one left behind. */
import type { SchemaThing } from "../domain/migrations/schema-things.ts";

export interface SchemaCare {
  /** How its statements are read. */
  readonly kind: "postgres" | "sqlite";
  /** Everything in it that has a name, without what belongs to the server, to extensions or to the migration tool. Changes nothing. */
  things(signal: AbortSignal): Promise<readonly SchemaThing[]>;
  /**
   * Takes an empty table, a column that holds nothing but its default, or a broken index away. All of that is looked at once more
   * under the lock under which it goes; nothing else is touched, and nobody waits behind the lock for more than a second.
   * Returns why it stays, in words; undefined: it is gone, also where somebody else was faster. Asking twice changes nothing.
   */
  takeAway(thing: SchemaThing, signal: AbortSignal): Promise<string | undefined>;
  /** The command line by which a person does it. Holds no secret. */
  command(statement: string): string;
}
