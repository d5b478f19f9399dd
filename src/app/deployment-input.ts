/** What a deployment's row holds besides its columns: everything that any process of the project needs to run it. */
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { DeployRequest } from "../pipeline/deploy.ts";
import type { RollbackRequest } from "../pipeline/rollback.ts";
import type { DeploymentRow } from "../ports/ledger.ts";

export interface DeploymentInput {
  readonly settings: EnvironmentSettings;
  readonly projectFolder: string;
  /** The machine on which it was asked for: until one has begun it, only that one may. Not in rows of earlier versions. */
  readonly host?: string;
  readonly deploy: DeployRequest | null;
  readonly rollback: RollbackRequest | null;
}

export const inputOf = (row: DeploymentRow): DeploymentInput => row.input as unknown as DeploymentInput;
