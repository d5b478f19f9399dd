/** T8: `npm audit` of the release's lock file. It asks the registry that npm is configured for; nothing is installed. */
import type { Json } from "../../domain/json.ts";
import { type KnownVulnerability, severities } from "../../domain/vulnerabilities.ts";
import type { AuditAnswer, VulnerabilityAudit } from "../../ports/vulnerability-audit.ts";
import { askProgram } from "./asking.ts";

export interface NpmAuditOptions {
  /** What is only needed to build does not reach production. */
  readonly omitDev: boolean;
  readonly timeoutMs: number;
}

export function npmAudit({ omitDev, timeoutMs }: NpmAuditOptions): VulnerabilityAudit {
  const omit = omitDev ? ["--omit=dev"] : [];
  const argv = ["npm", "audit", "--json", "--package-lock-only", "--ignore-scripts", ...omit];
  return { kind: "npm", look: (folder, signal) => askProgram({ argv, timeoutMs }, folder, signal, answerOf) };
}

interface Report {
  readonly auditReportVersion: 2;
  readonly vulnerabilities: Readonly<Record<string, { readonly via: readonly (string | Advisory)[] }>>;
  readonly metadata: { readonly vulnerabilities: { readonly total: number } };
}

interface Advisory {
  readonly name: string;
  readonly url?: string;
  readonly source?: number;
  readonly severity?: string;
}

function answerOf(document: Json): AuditAnswer | undefined {
  const report = document as unknown as Partial<Report> | null;
  const total = report?.metadata?.vulnerabilities?.total;
  if (report?.auditReportVersion !== 2 || typeof total !== "number" || !report.vulnerabilities) return undefined;
  // Words among the reasons name other packages of this list, where the advisory itself stands.
  const advisories = Object.values(report.vulnerabilities).flatMap(({ via }) =>
    via.filter((reason): reason is Advisory => typeof reason !== "string"),
  );
  if (total > 0 && advisories.length === 0) return undefined;
  return { kind: "answered", found: distinct(advisories.map(vulnerabilityOf)) };
}

const vulnerabilityOf = ({ name, url, source, severity }: Advisory): KnownVulnerability => ({
  id: url?.split("/").at(-1) || String(source ?? "without a number"),
  package: name,
  severity: severities.find((known) => known === severity) ?? (severity === "info" ? "low" : null),
});

const distinct = (all: readonly KnownVulnerability[]): readonly KnownVulnerability[] => [
  ...new Map(all.map((each) => [`${each.package}\n${each.id}`, each])).values(),
];
