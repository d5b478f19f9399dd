/** D7: what a deployment wrote, in folders with the names under which the source systems uploaded it. */
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The first that fits; whatever is left belongs to the deployment's own logs. */
const places: readonly (readonly [RegExp, string])[] = [
  [/^backup/, "backup-logs"],
  [/^migration/, "migration-logs"],
  [/^build/, "build-logs"],
  [/^(rollout\.log|verdict)/, "rollout-logs"],
  [/^health-check/, "health-check-logs"],
  [/^smoke/, "smoke-test-logs"],
  [/^monitoring/, "monitoring-report"],
  [/^rollback\.log$/, "rollback-logs"],
  [/^rollback-/, "rollback-instructions"],
  [/^deployment-record/, "deployment-record"],
  [/^(failure|incident)-report/, "deployment-failure-report"],
];

export const artifactName = (file: string): string =>
  places.find(([pattern]) => pattern.test(file))?.[1] ?? "deployment-logs";

/** Copies them below `to` and returns it; undefined where there is nothing. */
export function gatherArtifacts(folder: string, to: string): string | undefined {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { name } of files) {
    const place = join(to, artifactName(name));
    mkdirSync(place, { recursive: true });
    copyFileSync(join(folder, name), join(place, name));
  }
  return files.length === 0 ? undefined : to;
}
