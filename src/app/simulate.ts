/**
 * W4: the whole pipeline of an environment as it is configured, on the simulated engine: virtual time, a world in memory,
 * clients that send requests, and faults on request. Nothing is built, migrated, started, shifted, sent or written. What it
 * has to assume it says.
 */
import { runFolder } from "../adapters/run-folder/run-folder.ts";
import { SluiceError } from "../domain/errors.ts";
import { redactor } from "../domain/redactor.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { faultNamed } from "./simulation/faults.ts";
import { releaseToSimulate } from "./simulation/release.ts";
import { runSimulation } from "./simulation/run-simulation.ts";
import type { Simulated, SimulateOptions } from "./simulation/simulated.ts";

export type { CommandToRun } from "./simulation/commands.ts";
export { type FaultName, faultNamed, faultNames, isFaultName } from "./simulation/faults.ts";
export type { Simulated, SimulateOptions, SimulationNote } from "./simulation/simulated.ts";

/** Rejects with USAGE where a fault cannot happen in this environment. */
export async function simulate(settings: EnvironmentSettings, options: SimulateOptions): Promise<Simulated> {
  const missing = options.faults.flatMap((name) => {
    const lacking = faultNamed(name).lacks?.({ settings, first: options.first });
    return lacking === undefined ? [] : [`${name}: ${lacking}`];
  });
  if (missing.length > 0) throw impossible(settings.environment, missing);
  const release = await releaseToSimulate({
    settings,
    projectFolder: options.projectFolder,
    name: options.name,
    nowMs: options.startMs,
    signal: options.signal,
  });
  return runSimulation(settings, options, release);
}

/** Writes the simulated deployment's files into its folder. */
export async function keepSimulation({ files, folder, record }: Simulated): Promise<void> {
  if (folder === null) return;
  const kept = runFolder({ folder, redactor: redactor([]) });
  for (const [file, text] of files) await kept.write(file, text);
  // Whoever finds it later must not take it for a real one.
  await kept.write("deployment-record.json", `${JSON.stringify(record, null, 2)}\n`);
}

const impossible = (environment: string, missing: readonly string[]): SluiceError =>
  new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "simulation",
    message: `This cannot happen in ${environment}: ${missing.join("; ")}.`,
    hint: "See which faults there are: sluice simulate --fault list",
  });
