/**
 * A Vitest reporter for machines: writes what scripts/test.ts needs to count and to explain, one JSON file named by
 * SLUICE_TEST_REPORT. A skip's reason is its note (`context.skip("reason")`), else what its file printed about skipping.
 */
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** `why`: the beginning of what went wrong, since of a long log often only the end is kept. */
export interface Failed {
  readonly test: string;
  readonly why: string;
}

export interface TestReport {
  readonly passed: number;
  readonly failed: readonly Failed[];
  readonly skipped: readonly { readonly test: string; readonly reason: string }[];
}

const nameOf = (test: TestCase): string => `${relative(process.cwd(), test.module.moduleId)}: ${test.fullName}`;

function skippedNames(module: TestModule, remarks: string): TestReport["skipped"] {
  const tests = [...module.children.allTests("skipped")];
  return tests.map((test) => {
    const result = test.result();
    const note = result.state === "skipped" ? result.note : undefined;
    return { test: nameOf(test), reason: note ?? (remarks || "no reason printed") };
  });
}

const whyOf = (errors: readonly { readonly message: string }[] | undefined): string =>
  (errors ?? []).map(({ message }) => stripVTControlCharacters(message).trim()).join("\n");

/** A file or a group that broke outside any test is one failure more. */
function failedOf(module: TestModule): readonly Failed[] {
  const file = relative(process.cwd(), module.moduleId);
  const outside = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  return [
    ...[...module.children.allTests("failed")].map((test) => ({
      test: nameOf(test),
      why: whyOf(test.result().errors),
    })),
    ...outside.map((suite) => ({ test: `${file}: ${suite.fullName} (outside a test)`, why: whyOf(suite.errors()) })),
    ...(module.errors().length > 0 ? [{ test: `${file} (outside a test)`, why: whyOf(module.errors()) }] : []),
  ];
}

/** Vitest loads a reporter through its default export. */
export default class TestReportWriter implements Reporter {
  readonly #remarks = new Map<string, Set<string>>();

  onUserConsoleLog(log: { readonly content: string; readonly taskId?: string | undefined }): void {
    const aboutSkips = log.content.split("\n").filter((line) => /skip|not here|not installed/i.test(line));
    // A task's id begins with its file's id.
    const file = (log.taskId ?? "").split("_")[0] ?? "";
    for (const line of aboutSkips) this.#remarks.set(file, (this.#remarks.get(file) ?? new Set()).add(line.trim()));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { readonly message: string }[]): void {
    const path = process.env.SLUICE_TEST_REPORT;
    if (path === undefined) return;
    const report: TestReport = {
      passed: modules.flatMap((module) => [...module.children.allTests("passed")]).length,
      failed: [
        ...modules.flatMap(failedOf),
        ...unhandled.map((error) => ({ test: "outside every test", why: whyOf([error]) })),
      ],
      skipped: modules.flatMap((module) => skippedNames(module, this.#remarksOf(module))),
    };
    writeFileSync(path, JSON.stringify(report));
  }

  #remarksOf(module: TestModule): string {
    return [...(this.#remarks.get(module.id.split("_")[0] ?? "") ?? [])].join("; ");
  }
}
