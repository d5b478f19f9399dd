/** T8: which known vulnerabilities of the dependencies stop a release. One whose severity nobody tells counts as the worst. */
import { fail, pass, type Verdict } from "./verdict.ts";

export const severities = ["low", "moderate", "high", "critical"] as const;
export type Severity = (typeof severities)[number];

export interface KnownVulnerability {
  /** As the world names it, e.g. GHSA-35jh-r3h4-6jhm. */
  readonly id: string;
  readonly package: string;
  /** Null: not told. */
  readonly severity: Severity | null;
}

export interface VulnerabilityRule {
  /** From this severity on they stop it. */
  readonly threshold: Severity;
  /** Ids that somebody has looked at and lets pass. */
  readonly except: readonly string[];
}

/** Who is asked, and what stops a release. */
export type VulnerabilitySettings = VulnerabilityRule & { readonly timeoutMs: number } & (
    | { readonly kind: "npm"; readonly omitDev: boolean }
    | { readonly kind: "osv"; readonly command: readonly string[] }
  );

export function ruleOnVulnerabilities(
  { threshold, except }: VulnerabilityRule,
  found: readonly KnownVulnerability[],
): { readonly verdict: Verdict; readonly detail: string } {
  const excepted = found.filter(({ id }) => except.includes(id));
  const grave = found.filter(({ id, severity }) => !except.includes(id) && rank(severity) >= rank(threshold));
  const below = found.length - excepted.length - grave.length;
  const others = [
    ...(below > 0 ? [`${below} below ${threshold}`] : []),
    ...(excepted.length > 0 ? [`excepted: ${named(excepted)}`] : []),
  ].join("; ");
  if (grave.length > 0) {
    const detail = `${named(grave)}${others === "" ? "" : `; ${others}`}`;
    return { verdict: fail(detail), detail };
  }
  return { verdict: pass, detail: others === "" ? "none is known" : others };
}

const rank = (severity: Severity | null): number =>
  severity === null ? severities.length : severities.indexOf(severity);

const mostNamed = 10;

function named(all: readonly KnownVulnerability[]): string {
  const names = all
    .toSorted((a, b) => rank(b.severity) - rank(a.severity))
    .map(({ id, package: name, severity }) => `${name} ${id} (${severity ?? "severity not told"})`);
  const more = names.length > mostNamed ? `, and ${names.length - mostNamed} more` : "";
  return `${names.slice(0, mostNamed).join(", ")}${more}`;
}
