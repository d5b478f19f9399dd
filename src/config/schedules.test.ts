import { describe, expect, test } from "vitest";
import { describeEnvironment } from "./describe.ts";
import { ConfigurationFaults } from "./faults.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";

const file = (environment: string): string => `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
databases: { main: { kind: sqlite, file: main.sqlite } }
environments:
  production: { policy: basic, ${environment} }
`;

function told(environment: string): { readonly faults: string; readonly warnings: string } {
  try {
    const { warnings } = loadConfiguration({ file: "sluice.yaml", text: file(environment) });
    return { faults: "", warnings: JSON.stringify(warnings) };
  } catch (thrown) {
    if (thrown instanceof ConfigurationFaults) return { faults: thrown.message, warnings: "" };
    throw thrown;
  }
}

describe("schedules and objectives", () => {
  test("B6 B11 a nightly backup meets an RPO of a day, and nothing is said", () => {
    const sound = told(
      'schedules: { nightly: { cron: "0 2 * * *", run: backup, timeZone: Europe/Berlin } }, objectives: { rpo: 24h }',
    );

    expect(sound).toEqual({ faults: "", warnings: "[]" });
  });

  test("B6 B11 what an environment comes to names both", () => {
    const text = file('schedules: { nightly: { cron: "0 2 * * *", run: backup } }, objectives: { rpo: 24h, rto: 30m }');
    const { configuration } = loadConfiguration({ file: "sluice.yaml", text });
    const settings = resolveEnvironment(configuration, "production", {
      projectFolder: "/srv/shop",
      readFile: () => "",
    });

    const { facts } = describeEnvironment(settings);

    expect(facts).toContainEqual({ label: "by itself", value: 'nightly: backup at "0 2 * * *" UTC' });
    expect(facts).toContainEqual({ label: "objectives", value: "RPO 1d, RTO 30m" });
  });

  test("B11 an RPO that the schedule cannot meet is refused with a cron that would", () => {
    const nightly = (rpo: string) =>
      told(`schedules: { nightly: { cron: "0 2 * * *", run: backup } }, objectives: { rpo: ${rpo} }`);

    expect(nightly("6h").faults).toContain('write for example "0 */6 * * *"');
    expect(nightly("6h").faults).toContain("up to 1d");
    expect(nightly("15m").faults).toContain("write-ahead log");
  });

  test("B11 objectives that nothing measures are warned about", () => {
    expect(told("objectives: { rpo: 24h, rto: 30m }").warnings).toContain("nothing backs it up by itself");
    expect(told("objectives: { rto: 30m }").warnings).toContain("nothing measures a restore");
  });

  test("X8 a rollback drill is not scheduled where the way forward needs people", () => {
    const drill = 'schedules: { monthly: { cron: "0 4 1 * *", run: rollback-drill } }';

    expect(told(drill).faults).toBe("");
    expect(told(`approvals: { required: 1, approvers: [ada, bob], acceptDeclared: true }, ${drill}`).faults).toContain(
      "the way forward needs 1 approvals",
    );
  });

  test("B6 a cron that cannot be meant, a zone that is none and a task without a database are refused", () => {
    expect(told('schedules: { a: { cron: "30 2 31 2 *", run: backup } }').faults).toContain("never comes");
    expect(told('schedules: { a: { cron: "0 2 * *", run: backup } }').faults).toContain("minute, hour, day");
    expect(told('schedules: { a: { cron: "0 2 * * *", run: backup, timeZone: Mars/X } }').faults).toContain(
      "time zone",
    );
    expect(told('schedules: { a: { cron: "0 2 * * *", run: bakcup } }').faults).toContain("backup");
  });
});
