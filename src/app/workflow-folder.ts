/** Generated workflows beside those that people wrote: what drifted is found, and nothing of a person's is touched. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { actionFolder, type WorkflowFile } from "./workflow-files.ts";
import { workflowMarker } from "./workflow-text.ts";

export interface WorkflowState extends WorkflowFile {
  /** `foreign`: somebody else wrote a file of this name. `stale`: we did once, and the configuration wants it no more. */
  readonly state: "same" | "missing" | "differs" | "foreign" | "stale";
}

export async function workflowStates(
  folder: string,
  files: readonly WorkflowFile[],
): Promise<readonly WorkflowState[]> {
  const wanted = files.map(async (file) => ({
    ...file,
    state: stateOf(file.text, await textAt(join(folder, file.name))),
  }));
  const names = new Set(files.map(({ name }) => name));
  const others = [
    ...(await namesIn(folder)),
    ...(await namesIn(join(folder, actionFolder))).map((name) => `${actionFolder}/${name}`),
  ];
  const left = others
    .filter((name) => !names.has(name))
    .map(async (name) => {
      const text = await textAt(join(folder, name));
      return text !== undefined && isOurs(text) ? [{ name, text, state: "stale" as const }] : [];
    });
  return [...(await Promise.all(wanted)), ...(await Promise.all(left)).flat()];
}

function stateOf(wanted: string, found: string | undefined): WorkflowState["state"] {
  if (found === undefined) return "missing";
  if (found === wanted) return "same";
  return isOurs(found) ? "differs" : "foreign";
}

const isOurs = (text: string): boolean => (text.split("\n", 1)[0] ?? "").includes(workflowMarker);

export async function writeWorkflows(folder: string, states: readonly WorkflowState[]): Promise<void> {
  for (const { name, text, state } of states) {
    const path = join(folder, name);
    if (state === "stale") await rm(path);
    if (state !== "missing" && state !== "differs") continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** Undefined where there is none. */
async function textAt(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

const isMissing = (thrown: unknown): boolean => thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
