/** T8 T10: the gates that an environment may declare. */
import { expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";

const readFile = (): string => "";

function ruleOf(staging: string, more = "") {
  const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
environments:
  staging: { policy: basic, ports: { web: 8081 }${more} }
  production: { policy: basic, staging: ${staging} }
`;
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile }).staging;
}

test("T10 its thresholds are off, and what went well there counts for a week, unless said otherwise", () => {
  expect(ruleOf("{ environment: staging }")).toEqual({
    environment: "staging",
    withinMs: 7 * 24 * 3_600_000,
    errorRate: null,
    minRequests: 50,
    slowestCheckMs: null,
  });
  expect(ruleOf("{ environment: staging, within: 2h, errorRate: 0.01, slowestCheck: 2s }")).toMatchObject({
    withinMs: 7_200_000,
    errorRate: 0.01,
    slowestCheckMs: 2_000,
  });
});

test.each([
  ["itself", "{ environment: production }", "", "cannot stand before itself"],
  ["an environment that is not there", "{ environment: stagin }", "", "there is no environment stagin"],
  ["one that builds after its plan", "{ environment: staging }", ", build: with-migrations", "nobody could compare"],
])("T10 W3 %s is refused", (_what, staging, more, said) => {
  try {
    ruleOf(staging, more);
    expect.unreachable();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SluiceError);
    expect(JSON.stringify((thrown as SluiceError).failure)).toContain(said);
  }
});

test("T8 the audit of the dependencies is npm's or a command of one's own, with a threshold and exceptions", () => {
  const settingsOf = (vulnerabilities: string) => {
    const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
environments: { production: { policy: basic, vulnerabilities: ${vulnerabilities} } }
`;
    const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
    return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile }).vulnerabilities;
  };

  expect(settingsOf("{ kind: npm }")).toEqual({
    kind: "npm",
    omitDev: true,
    threshold: "high",
    except: [],
    timeoutMs: 120_000,
  });
  expect(settingsOf("{ kind: osv, command: [osv-scanner], threshold: low, except: [GHSA-1] }")).toMatchObject({
    kind: "osv",
    command: ["osv-scanner"],
    threshold: "low",
  });
  expect(() => settingsOf("{ kind: npm, threshold: hihg }")).toThrow(SluiceError);
});
