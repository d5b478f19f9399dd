/**
 * sluice.yaml from text to a checked configuration. All faults are told at once (W3): those of YAML first, then those of
 * shape, then those between keys, since each needs the one before.
 */
import { SluiceError } from "../domain/errors.ts";
import type { Finding } from "./document.ts";
import { parseFile } from "./document.ts";
import type { Fault } from "./faults.ts";
import { ConfigurationFaults, inOrder } from "./faults.ts";
import { findingsOf, withKnownKeys } from "./issues.ts";
import type { ReadFile } from "./read-file.ts";
import { findings } from "./rules.ts";
import type { Configuration } from "./schema.ts";
import { ConfigurationSchema } from "./schema.ts";

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** Not wrong, but probably not meant. */
  readonly warnings: readonly Fault[];
}

export interface ConfigurationFile {
  /** As it is named in messages. */
  readonly file: string;
  readonly text: string;
  /** With it, files that the configuration names (allowed signers) are checked as well. */
  readonly readFile?: ReadFile;
}

/** Throws one `ConfigurationFaults` (CONFIG_INVALID) with everything that is wrong. */
export function loadConfiguration({ file, text, readFile }: ConfigurationFile): LoadedConfiguration {
  const written = parseFile(file, text);
  const located = (all: readonly Finding[]): readonly Fault[] => inOrder(all.map((finding) => written.locate(finding)));
  const parsed = ConfigurationSchema.safeParse(written.data, { error: withKnownKeys });
  if (!parsed.success) throw new ConfigurationFaults(located(findingsOf(parsed.error.issues, written)));
  const { faults, warnings } = findings(parsed.data, written, readFile);
  if (faults.length > 0) throw new ConfigurationFaults(located(faults));
  return { configuration: parsed.data, warnings: located(warnings) };
}

/** Reads the file first. Throws CONFIG_MISSING when there is none. */
export function readConfiguration(options: {
  readonly file: string;
  readonly readFile: ReadFile;
}): LoadedConfiguration {
  const { file, readFile } = options;
  return loadConfiguration({ file, text: textOf(file, readFile), readFile });
}

function textOf(file: string, readFile: ReadFile): string {
  try {
    return readFile(file);
  } catch (cause) {
    throw new SluiceError({
      code: "CONFIG_MISSING",
      remedy: "operator",
      at: file,
      message: `There is no readable ${file} here.`,
      hint: "Go to the project's folder, or write one by: sluice init",
      cause,
    });
  }
}
