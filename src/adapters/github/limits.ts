/** Texts as GitHub takes them: cut where they are too long, which is shown; marked so that they are found again. */

export const issueLimit = 65_536;
export const releaseLimit = 125_000;
/** Of deployment and commit statuses. */
export const descriptionLimit = 140;

/** Never in the middle of a character that takes two places. */
function cut(text: string, length: number): string {
  const end = /[\uD800-\uDBFF]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return text.slice(0, end);
}

export const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${cut(text, length - 1)}…`;

/** A block of code that was cut open is closed, so that the note is read as ours. */
export function fitted(text: string, length: number, after: string): string {
  if (text.length + after.length <= length) return `${text}${after}`;
  const note = `\n\n**Cut here**: GitHub takes ${length} characters, the whole has ${text.length}. It is in the folder of the deployment.\n`;
  const room = length - note.length - after.length - longestFence;
  const kept = cut(text, room);
  return `${kept}${closing(kept)}${note}${after}`;
}

const longestFence = 64;

function closing(text: string): string {
  const fences = text.match(/^`{3,}/gm) ?? [];
  return fences.length % 2 === 0 ? "" : `\n${fences.at(-1)?.slice(0, longestFence - 1)}`;
}

/** Invisible to readers; nothing that others wrote can end it early, or look like it. */
export const markOf = (kind: string, value: string): string =>
  `<!-- sluice:${kind} ${encodeURIComponent(value).replaceAll("-", "%2D")} -->`;
