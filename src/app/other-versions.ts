/**
 * Upgrades in flight: a deployment goes on in the journal's format in which it began. This program never touches one that was
 * begun in another; it names it, and says what to do.
 */
import { SluiceError } from "../domain/errors.ts";
import type { DeploymentRow, Ledger } from "../ports/ledger.ts";

/**
 * The journal's format: the names and order of the pipeline's steps. Raise it when they change (test/scenarios/journal-format
 * notices it); deployments under way in another format go on with the version that began them.
 */
export const applicationVersion = "4";

export interface OtherVersion {
  readonly deployment: string;
  readonly environment: string;
  readonly version: string;
  readonly state: DeploymentRow["state"];
  /** Format of its journal. */
  readonly journal: string;
  /** Format that this program writes. */
  readonly here: string;
  readonly whatToDo: string;
}

export const isOtherVersions = ({ applicationVersion: journal }: Pick<DeploymentRow, "applicationVersion">): boolean =>
  journal !== applicationVersion;

export async function otherVersionsUnderWay(ledger: Ledger): Promise<readonly OtherVersion[]> {
  const rows = await ledger.deployments({ unfinished: true });
  return rows.filter(isOtherVersions).map(otherVersionOf);
}

export const otherVersionOf = (row: Omit<DeploymentRow, "input">): OtherVersion => ({
  deployment: row.id,
  environment: row.environment,
  version: row.version,
  state: row.state,
  journal: row.applicationVersion,
  here: applicationVersion,
  whatToDo: whatToDo(row.id),
});

const whatToDo = (id: string): string =>
  `With the Sluice that began it, finish it: sluice resume ${id} · or end it: sluice cancel ${id} --reason "…"`;

export const otherVersionText = (other: OtherVersion): string =>
  `${other.version} to ${other.environment} is under way and was begun by another version of Sluice: deployment ${other.deployment}, ` +
  `journal ${other.journal}; this one writes ${other.here} and does not touch it. ${other.whatToDo}`;

export const begunByOtherVersion = (row: Pick<DeploymentRow, "id" | "applicationVersion">): SluiceError =>
  new SluiceError({
    code: "OTHER_VERSION",
    remedy: "operator",
    at: `deployment ${row.id}`,
    message: `${row.id} was begun by another version of Sluice (journal ${row.applicationVersion}, this one writes ${applicationVersion}). Nothing was touched.`,
    hint: whatToDo(row.id),
  });
