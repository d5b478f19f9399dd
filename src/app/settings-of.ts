/** The settings a deployment began with. Apart from flows.ts, which knows the whole pipeline: `status` must answer at once. */
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import type { DeploymentInput } from "./flows.ts";

export const settingsOf = (row: DeploymentRow): EnvironmentSettings =>
  (row.input as unknown as DeploymentInput).settings;
