/** Runs the command line as a person would: a process of its own, its output shown, its exit code kept. */
import { join } from "node:path";
import type { Children } from "./children.ts";
import type { ExamplePlace } from "./place.ts";
import type { Screen } from "./screen.ts";

export interface RunningCommand {
  readonly pid: number;
  /** The exit code; null where a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Whatever the command line starts carries this variable with the example's folder, so that nothing of it can be lost. */
export const mark = "SLUICE_EXAMPLE_FOLDER";

const main = join(import.meta.dirname, "../../src/cli/main.ts");

export type Sluice = (...words: readonly string[]) => RunningCommand;

export function sluiceFor(
  place: ExamplePlace,
  variables: Readonly<Record<string, string>>,
  screen: Screen,
  children: Children,
): Sluice {
  const { HOME = place.folder, LANG = "C.UTF-8", TMPDIR } = process.env;
  const environment = {
    HOME,
    LANG,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(screen.presentation.colour ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }),
    // Not the local user's name: an example looks the same everywhere.
    SLUICE_USER: "ada",
    [mark]: place.folder,
    ...variables,
  };
  return (...words) => {
    screen.command(words);
    const argv = [main, "--project", place.repository, ...words];
    const child = children.startNode(argv, { environment, folder: place.folder, onLine: screen.output });
    const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
    return { pid: child.pid ?? 0, ended };
  };
}
