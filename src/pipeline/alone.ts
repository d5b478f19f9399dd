/** W6: one layer by itself, inside somebody else's workflow: the same stages, without journal, lock or undo. */
import { asJson } from "../domain/json.ts";
import type { Flow } from "../ports/flow.ts";
import type { Parts } from "./parts.ts";
import type { Stage, StageContext } from "./stage.ts";
import { openTraffic } from "./traffic.ts";

export interface AloneOptions {
  readonly parts: Parts;
  /** Names the folder of its files, e.g. `backup-20261120T120000Z`. */
  readonly name: string;
  readonly version: string;
  readonly signal: AbortSignal;
  readonly tell: (title: string, tone: "info" | "ok" | "warn" | "bad") => void;
}

export async function alone<Input, Intent, Output>(
  stage: Stage<Input, Intent, Output>,
  input: Input,
  options: AloneOptions,
): Promise<Output> {
  return stage.run(stage.prepare(input), contextAlone(options));
}

export function contextAlone({ parts, name, version, signal, tell }: AloneOptions): StageContext {
  const folder = parts.runFolder(name);
  return {
    flow: notDurable(name, parts),
    parts,
    deploymentId: name,
    version,
    attempt: { ledgerId: parts.ledger.id, n: 0, deploymentId: name },
    signal,
    traffic: openTraffic(parts.routers, parts.settings.rollout.unattendedMs),
    guard: async () => signal.throwIfAborted(),
    progress: async (title, _detail, tone = "info") => tell(title, tone),
    tell: async (_key, title, tone = "info") => tell(title, tone),
    notify: async () => undefined,
    stillWanted: async () => signal.throwIfAborted(),
    changeAttempt: async (change) => void (await change()),
    log: (file, line) => folder.append(file, `${new Date(parts.clock.now()).toISOString()}  ${line}\n`),
  };
}

const notDurable = (id: string, parts: Parts): Flow => ({
  id,
  step: (_name, body) => body(),
  sleep: (ms) => parts.clock.sleep(ms),
  waitFor: async () => undefined,
  now: async () => parts.clock.now(),
  publish: async (_key, value) => void asJson(value),
});
