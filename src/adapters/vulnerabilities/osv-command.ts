/** T8: any command that prints the JSON of OSV's scanner: `results`, their `packages`, and the `vulnerabilities` of each. */
import type { Json } from "../../domain/json.ts";
import { type KnownVulnerability, type Severity, severities } from "../../domain/vulnerabilities.ts";
import type { AuditAnswer, VulnerabilityAudit } from "../../ports/vulnerability-audit.ts";
import { type AuditCommand, askProgram } from "./asking.ts";

/** Exit code 0 is "none", 1 is "some"; everything else is no answer. */
export function osvCommand(command: AuditCommand): VulnerabilityAudit {
  return { kind: "osv", look: (folder, signal) => askProgram(command, folder, signal, answerOf) };
}

interface Found {
  readonly package: { readonly name?: string };
  readonly vulnerabilities?: readonly {
    readonly id: string;
    readonly database_specific?: { readonly severity?: string } | null;
  }[];
  readonly groups?: readonly { readonly ids: readonly string[]; readonly max_severity?: string }[];
}

function answerOf(document: Json, exitCode: number): AuditAnswer | undefined {
  const { results } = (document ?? {}) as unknown as {
    readonly results?: readonly { readonly packages?: readonly Found[] }[];
  };
  if (!Array.isArray(results) || exitCode > 1) return undefined;
  const found = results.flatMap(({ packages = [] }) => packages.flatMap(vulnerabilitiesOf));
  // It says by its exit code that there are some, and names none.
  return exitCode === 1 && found.length === 0 ? undefined : { kind: "answered", found };
}

const vulnerabilitiesOf = ({
  package: { name = "?" },
  vulnerabilities = [],
  groups = [],
}: Found): readonly KnownVulnerability[] =>
  vulnerabilities.map(({ id, database_specific }) => ({
    id,
    package: name,
    severity:
      fromScore(groups.find(({ ids }) => ids.includes(id))?.max_severity) ?? fromWord(database_specific?.severity),
  }));

/** The bands of CVSS. */
function fromScore(text: string | undefined): Severity | null {
  const score = text === undefined || text === "" ? Number.NaN : Number(text);
  if (!(score > 0)) return null;
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  return score >= 4 ? "moderate" : "low";
}

const fromWord = (word: string | undefined): Severity | null => {
  const lower = word?.toLowerCase();
  return lower === "medium" ? "moderate" : (severities.find((known) => known === lower) ?? null);
};
