/**
 * GitHub's own parser of workflows and actions, which knows keys, types and expressions; and the rules of this house, which it does
 * not know: pins, rights, no expression in a script, a length that is read.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

// It is written for a bundler: it imports its grammars without saying that they are JSON, which Node refuses.
const hooks = registerHooks({
  load: (url, context, nextLoad) =>
    url.includes("/workflow-parser/") && url.endsWith(".json")
      ? { format: "module", source: `export default ${readFileSync(fileURLToPath(url), "utf8")}`, shortCircuit: true }
      : nextLoad(url, context),
});
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");
const { parseAction } = await import("@actions/workflow-parser/actions/action-parser");
hooks.deregister();

export async function lintWorkflow(name: string, content: string): Promise<readonly string[]> {
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  const found = context.errors.getErrors().map(({ message }) => message);
  return found.length > 0 ? found : houseRules(content);
}

export function lintAction(name: string, content: string): readonly string[] {
  const { context } = parseAction({ name, content }, new NoOperationTraceWriter());
  return context.errors.getErrors().map(({ message }) => message);
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job extends Step {
  readonly permissions?: object;
  readonly "timeout-minutes"?: number;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly permissions?: object;
  readonly concurrency?: { readonly "cancel-in-progress"?: boolean };
  readonly on?: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** Of a text that the parser took. */
function houseRules(content: string): readonly string[] {
  const workflow = parse(content) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => [job, ...(job.steps ?? [])]);
  const lines = content.trimEnd().split("\n");
  return [
    ...(lines.length > 40 ? [`${lines.length} lines, at most 40`] : []),
    ...lines.filter((line) => line.length > 120).map((line) => `a line of ${line.length} characters`),
    ...(workflow.permissions === undefined ? ["no permissions"] : []),
    ...(workflow.concurrency?.["cancel-in-progress"] === false
      ? []
      : ["what runs may be cancelled by what comes after it"]),
    ...Object.keys(workflow.on ?? {}).filter((event) => event === "pull_request_target"),
    ...jobs.filter((job) => job.steps && job["timeout-minutes"] === undefined).map(() => "no timeout-minutes"),
    ...steps.flatMap(({ uses = "./" }) => (isPinned(uses, lines) ? [] : [`not pinned: ${uses}`])),
    ...steps.flatMap(({ run = "" }) => (run.includes("${{") ? [`an expression in run: ${run}`] : [])),
  ];
}

/** By the 40 digits of a commit with the version beside it; or of this very commit. */
function isPinned(uses: string, lines: readonly string[]): boolean {
  if (uses.startsWith("./")) return true;
  const line = lines.find((each) => each.includes(`uses: ${uses}`)) ?? "";
  return /@[0-9a-f]{40}$/.test(uses) && (/ # v\d+\.\d+\.\d+$/.test(line) || !uses.startsWith("actions/"));
}
