/** W2: writes the GitHub workflows that the configuration comes to, or says which of them have drifted from it. */
import { join, resolve } from "node:path";
import { workflowFacts } from "../../app/workflow-facts.ts";
import { workflowFiles } from "../../app/workflow-files.ts";
import { type WorkflowState, workflowStates, writeWorkflows } from "../../app/workflow-folder.ts";
import { SluiceError } from "../../domain/errors.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { plural } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import type { DryRunOption } from "./layers.ts";

export interface WorkflowsOptions extends DryRunOption {
  readonly check?: boolean;
  readonly out?: string;
}

export async function workflowsCommand(session: Session, { check, dryRun, out }: WorkflowsOptions): Promise<number> {
  const { output, projectFolder } = session;
  const shownFolder = out ?? ".github/workflows";
  const folder = out === undefined ? join(projectFolder, shownFolder) : resolve(out);
  const states = await workflowStates(folder, workflowFiles(workflowFacts(await session.project())));
  const changed = states.filter(({ state }) => state !== "same");
  const mend = `sluice workflows${out === undefined ? "" : ` --out ${out}`}`;
  if (check) return tellDrift(session, changed, mend);
  refuseForeign(changed, shownFolder, mend);
  if (dryRun) {
    const texts = changed.map(({ name, text, state }) =>
      state === "stale" ? `# would remove ${name}` : `# would write ${name}\n${isLong(text) ? "" : text}`,
    );
    output.result(
      { dryRun: true, files: changed },
      texts.length === 0 ? "everything is as it should be" : texts.join("\n"),
    );
    output.next(mend);
    return exitCodes.succeeded;
  }
  await writeWorkflows(folder, changed);
  const lines = changed.map(
    ({ name, state }) => `${state === "stale" ? "removed" : "wrote"} ${join(shownFolder, name)}`,
  );
  output.result(
    { folder, files: changed.map(named) },
    lines.length === 0 ? "everything is as it should be" : lines.join("\n"),
  );
  output.next(lines.length === 0 ? `${mend} --check` : "git add .github");
  return exitCodes.succeeded;
}

/** The launcher is a program of its own, not something to read in a terminal. */
const isLong = (text: string): boolean => text.split("\n").length > 100;

const named = ({ name, state }: WorkflowState) => ({ name, state });

const words: Readonly<Record<WorkflowState["state"], string>> = {
  same: "is as it should be",
  missing: "is missing",
  differs: "is not what the configuration comes to",
  foreign: "was written by a person",
  stale: "is not wanted any more",
};

function tellDrift({ output }: Session, drifted: readonly WorkflowState[], mend: string): number {
  const lines = drifted.map(({ name, state }) => `${glyph("bad")} ${name} ${words[state]}`);
  output.result(
    { drifted: drifted.map(named) },
    lines.length === 0 ? "everything is as it should be" : lines.join("\n"),
  );
  output.next(lines.length === 0 ? "sluice validate" : mend);
  return lines.length === 0 ? exitCodes.succeeded : exitCodes.failed;
}

function refuseForeign(states: readonly WorkflowState[], folder: string, mend: string): void {
  const foreign = states.filter(({ state }) => state === "foreign").map(({ name }) => join(folder, name));
  if (foreign.length === 0) return;
  throw new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: foreign[0] ?? folder,
    message: `A person wrote ${foreign.join(", ")}; ${plural(foreign.length, "file")} of that name would be replaced, so nothing was written.`,
    hint: `Rename or remove what is there, or write elsewhere: ${mend.split(" --out")[0]} --out <folder>`,
  });
}
