/** B9: what the target looked like before: which version served at which weights, with which settings. */
import { asJson } from "../../domain/json.ts";
import type { Serving } from "../../domain/serving.ts";
import type { Stage } from "../stage.ts";

export const saveConfiguration: Stage<
  { serving: Serving | null },
  { serving: Serving | null },
  { components: number }
> = {
  name: "snapshot",
  touches: "nothing",
  plan: () => [],
  expectedMs: () => 50,
  prepare: (intent) => intent,
  async run({ serving }, { parts, signal, deploymentId }) {
    const splits = await Promise.all(
      [...parts.routers].map(async ([component, router]) => [component, await router.observe(signal)] as const),
    );
    const instances = await parts.target.observe(signal);
    const saved = asJson({ serving, splits: Object.fromEntries(splits), instances });
    await parts.runFolder(deploymentId).write("previous-configuration.json", `${JSON.stringify(saved, null, 2)}\n`);
    return { components: instances.filter(({ state }) => state === "running").length };
  },
  summary: ({ components }) => `${components} running instance${components === 1 ? "" : "s"} and all weights saved`,
};
