/** Short waits and few requests, for suites that run a deployment many hundred times. */
import { type SettingsChange, scenarioSettings, second } from "./world-settings.ts";

const { limits } = scenarioSettings("production").rollout;

export const quick: SettingsChange = {
  rollout: {
    steps: [
      { percent: 50, bakeMs: 4 * second },
      { percent: 100, bakeMs: 4 * second },
    ],
    checkEveryMs: 2 * second,
    failureLimit: 2,
    unknownForMs: 4 * second,
    limits: { ...limits, minRequests: 5 },
  },
  observation: {
    durationMs: 4 * second,
    everyMs: 2 * second,
    failureLimit: 2,
    limits: { ...limits, minRequests: 5 },
    extendedMs: 6 * second,
  },
};
