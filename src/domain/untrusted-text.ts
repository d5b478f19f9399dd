/**
 * Text that others wrote (a log, a response body, a commit message), made safe for a terminal, a CI log and a record: no
 * escape sequences, no control characters but line feed and tab, no characters that reverse the reading direction, and no
 * workflow commands that a CI runner would obey.
 */

// An operating system command (clipboard, title) or another control string, a control sequence (colour, cursor), any other
// escape, then every single control character: nothing that starts a sequence can be left, however they are nested.
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is what this is for
  /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A CI runner trims the line before it looks for `::`, and finds `##[` and `##vso[` anywhere in it. */
export function stripControl(text: string): string {
  return text
    .replace(sequences, "")
    .replace(/^([^\S\n\u2028\u2029]*):(?=:)/gm, "$1: ")
    .replace(/##(?=(?:vso)?\[)/g, "# #");
}

/**
 * One line of at most `length` characters, for a detail or a reason. Redacted before and after the control characters go:
 * a secret may hold some, and may be hidden between some.
 */
export function excerpt(text: string, length: number, redact: (text: string) => string = (whole) => whole): string {
  const line = redact(stripControl(redact(text)))
    .replace(/\s+/g, " ")
    .trim();
  return line.length <= length ? line : `${line.slice(0, length)}…`;
}

/**
 * At most `most` characters as they are written by `write` (an escape takes more than one), cut where it says so. Whole characters
 * only, so that no half of an escape or of a surrogate pair is left.
 */
export function cutVisibly(text: string, most: number, write: (character: string) => string = (same) => same): string {
  const cut = " … (cut)";
  const written = [...text].map(write);
  if (written.reduce((sum, { length }) => sum + length, 0) <= most) return written.join("");
  let room = most - cut.length;
  const fits = written.findIndex(({ length }) => {
    room -= length;
    return room < 0;
  });
  return `${written.slice(0, fits).join("")}${cut}`;
}
