/**
 * Rules between keys, which no schema can state: what names what, what fits into what, what can never be reached. Each rule
 * is a function over the rulebook; all run, so that all faults are told at once.
 */
import type { Finding, ParsedFile } from "./document.ts";
import type { Layer, Rule, Rulebook, RuledEnvironment } from "./findings.ts";
import { completeEnvironment } from "./merge.ts";
import type { ReadFile } from "./read-file.ts";
import { approvalRules } from "./rules-approvals.ts";
import { backupRules } from "./rules-backups.ts";
import { checkRules } from "./rules-checks.ts";
import { databaseRules } from "./rules-databases.ts";
import { forgeRules } from "./rules-forge.ts";
import { namingRules } from "./rules-names.ts";
import { scheduleRules } from "./rules-schedules.ts";
import { secretRules } from "./rules-secrets.ts";
import { timingRules } from "./rules-timing.ts";
import { workflowRules } from "./rules-workflows.ts";
import type { Configuration } from "./schema.ts";

const rules: readonly Rule[] = [
  ...namingRules,
  ...secretRules,
  ...approvalRules,
  ...timingRules,
  ...workflowRules,
  ...checkRules,
  ...forgeRules,
  ...backupRules,
  ...databaseRules,
  ...scheduleRules,
];

export interface Findings {
  readonly faults: readonly Finding[];
  readonly warnings: readonly Finding[];
}

export function findings(configuration: Configuration, written: ParsedFile, readFile?: ReadFile): Findings {
  const faults: Finding[] = [];
  const warnings: Finding[] = [];
  const book: Rulebook = {
    configuration,
    environments: Object.keys(configuration.environments).map((name) => ruled(configuration, written, name)),
    layers: layersOf(configuration),
    written,
    readFile,
    fault: (path, what, fix, at = "value") => void faults.push({ path, at, what, fix }),
    warn: (path, what, fix, at = "value") => void warnings.push({ path, at, what, fix }),
  };
  for (const rule of rules) rule(book);
  return { faults, warnings };
}

function ruled(configuration: Configuration, written: ParsedFile, name: string): RuledEnvironment {
  return {
    name,
    complete: completeEnvironment(configuration, name),
    place: (...path) => {
      const candidates = [
        ["environments", name, ...path],
        ["defaults", ...path],
      ];
      return candidates.find((candidate) => written.has(candidate)) ?? ["environments", name, ...path];
    },
  };
}

const layersOf = ({ defaults, environments }: Configuration): readonly Layer[] => [
  { path: ["defaults"], written: defaults },
  ...Object.entries(environments).map(([name, written]) => ({ path: ["environments", name], written })),
];
