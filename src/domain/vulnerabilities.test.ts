import { expect, test } from "vitest";
import { type KnownVulnerability, ruleOnVulnerabilities } from "./vulnerabilities.ts";

const known = (id: string, severity: KnownVulnerability["severity"]): KnownVulnerability => ({
  id,
  package: "left-pad",
  severity,
});
const rule = { threshold: "high", except: [] } as const;

test("T8 what reaches the threshold stops it, and is named with its severity, the worst first", () => {
  const found = [known("A", "moderate"), known("B", "high"), known("C", "critical")];

  const { verdict, detail } = ruleOnVulnerabilities(rule, found);

  expect(verdict.kind).toBe("fail");
  expect(detail).toBe("left-pad C (critical), left-pad B (high); 1 below high");
});

test("T8 what lies below the threshold, or was excepted, is told and lets it pass", () => {
  const found = [known("A", "moderate"), known("B", "critical")];

  const { verdict, detail } = ruleOnVulnerabilities({ ...rule, except: ["B"] }, found);

  expect(verdict).toEqual({ kind: "pass" });
  expect(detail).toBe("1 below high; excepted: left-pad B (critical)");
});

test("T8 one whose severity nobody tells counts as the worst", () => {
  expect(ruleOnVulnerabilities({ threshold: "critical", except: [] }, [known("A", null)]).verdict.kind).toBe("fail");
});
