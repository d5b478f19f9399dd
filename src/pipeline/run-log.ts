/**
 * The lines of a deployment's log files (D3). A disk that filled up in the middle of a rollout must not roll a healthy version
 * back, nor keep a sick one from being rolled back: a file that cannot be written to is told once.
 */
import { failureOf } from "../domain/errors.ts";
import { FlowLost } from "../ports/flow.ts";
import type { Parts } from "./parts.ts";

export type Log = (file: string, line: string) => Promise<void>;

export function openLog(parts: Parts, deploymentId: string, warn: (title: string) => Promise<void>): Log {
  const folder = parts.runFolder(deploymentId);
  const unwritable = new Set<string>();
  return async (file, line) => {
    try {
      await folder.append(file, `${new Date(parts.clock.now()).toISOString()}  ${line}\n`);
    } catch (thrown) {
      if (thrown instanceof FlowLost) throw thrown;
      if (unwritable.has(file)) return;
      unwritable.add(file);
      await warn(`${folder.location}/${file} cannot be written to: ${failureOf(thrown, "pipeline.log").message}`);
    }
  };
}
