/**
 * Whether two texts of a migration say the same to the database. A licence header over every file changes all checksums and no
 * schema. In doubt they differ: nested comments are not followed.
 */

/** What must stay as it is (strings, quoted names, dollar quotes), or a comment, or blanks. */
const piece =
  /([eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\2\$)|(?:--[^\n]*|\/\*[\s\S]*?\*\/|\s)+/g;

const said = (sql: string): string => sql.replace(piece, (_all, kept: string | undefined) => kept ?? " ").trim();

export const onlyCommentsDiffer = (a: string, b: string): boolean => said(a) === said(b);
