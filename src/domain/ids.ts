/** T6: `<epoch seconds>-<12 hex of the commit>`; the ledger adds `-2`, `-3` where one is taken. */
export const deploymentIdFor = (nowMs: number, commit: string): string =>
  `${Math.floor(nowMs / 1000)}-${commit.slice(0, 12)}`;

export const isDeploymentId = (text: string): boolean => /^\d{9,11}-[0-9a-f]{12}(-\d+)?$/.test(text);

/** One deployment's running copy of a component; see domain/traffic.ts. */
export const revisionFor = (version: string, deploymentId: string): string => `${version}~${deploymentId}`;

export function versionOfRevision(revision: string): string {
  const at = revision.indexOf("~");
  return at === -1 ? revision : revision.slice(0, at);
}
