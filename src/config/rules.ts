/** Rules between keys. */
import type { Finding, ParsedFile } from "./document.ts";
import type { ReadFile } from "./load.ts";
import type { Configuration } from "./schema.ts";

export function findings(
  _configuration: Configuration,
  _written: ParsedFile,
  _readFile?: ReadFile,
): { readonly faults: readonly Finding[]; readonly warnings: readonly Finding[] } {
  return { faults: [], warnings: [] };
}
