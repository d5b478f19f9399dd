/** What the rules write into: faults and warnings, each at the nearest place that a person can go to. */
import type { Finding, ParsedFile } from "./document.ts";
import type { Path } from "./faults.ts";
import type { ReadFile } from "./read-file.ts";
import type { CompleteEnvironment, Configuration, Written } from "./schema.ts";

/** One environment as the rules see it: what it comes to, and where each of its values was written. */
export interface RuledEnvironment {
  readonly name: string;
  readonly complete: CompleteEnvironment;
  /** In the environment, else under `defaults:` where it stands there, else the environment as what lacks it. */
  place(...path: Path): Path;
}

/** Part of the configuration as it is written: an environment, or `defaults`. */
export interface Layer {
  readonly path: Path;
  readonly written: Written;
}

export interface Rulebook {
  readonly configuration: Configuration;
  readonly environments: readonly RuledEnvironment[];
  readonly layers: readonly Layer[];
  readonly written: ParsedFile;
  readonly readFile: ReadFile | undefined;
  fault(path: Path, what: string, fix: string, at?: Finding["at"]): void;
  warn(path: Path, what: string, fix: string, at?: Finding["at"]): void;
}

export type Rule = (book: Rulebook) => void;
