/** A project on this machine: its folder, its sluice.yaml, the settings of its environments, and its secrets. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type LoadedConfiguration, readConfiguration } from "../config/load.ts";
import { resolveEnvironment } from "../config/resolve.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";

export interface Project extends LoadedConfiguration {
  /** Absolute. */
  readonly folder: string;
  readonly file: string;
  readonly stateFolder: string;
  readonly settings: (environment: string) => EnvironmentSettings;
}

export const configurationFile = "sluice.yaml";

export const readText = (path: string): string => readFileSync(path, "utf8");

/** Throws CONFIG_MISSING and CONFIG_INVALID. `file` is relative to `folder` or absolute. */
export function openProject(folder: string, file = configurationFile): Project {
  const root = resolve(folder);
  const inProject = (path: string) => readText(resolve(root, path));
  const loaded = readConfiguration({ file, readFile: inProject });
  return {
    ...loaded,
    folder: root,
    file,
    stateFolder: join(root, ".sluice"),
    settings: (environment) =>
      resolveEnvironment(loaded.configuration, environment, { projectFolder: root, readFile: readText }),
  };
}
