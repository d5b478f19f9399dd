/** B13: the first half of the commands that restore a stored file without Sluice: what prints the dump, by standard tools. */

/** Backups in the age format carry it at the end of their name. */
export const encryptedSuffix = ".age";

export const shellQuoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/**
 * A command that prints the dump; undefined where it lies as a plain file, which every tool reads by itself. The file with the
 * key is named by a variable: where it lies is nobody's business but its owner's.
 */
export function printsDump(storedAt: string, endpoint?: string): string | undefined {
  const from = shellQuoted(storedAt);
  const at = endpoint === undefined ? "" : ` --endpoint-url ${shellQuoted(endpoint)}`;
  const fetch = storedAt.startsWith("s3://") ? `aws s3 cp${at} ${from} -` : undefined;
  if (!storedAt.endsWith(encryptedSuffix)) return fetch;
  const decrypt = `age --decrypt --identity "$AGE_IDENTITY_FILE"`;
  return fetch ? `${fetch} | ${decrypt}` : `${decrypt} ${from}`;
}
