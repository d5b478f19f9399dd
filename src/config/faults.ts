/**
 * What is wrong with a configuration: all of it at once, each fault with its place, what is wrong, and how to mend it.
 * One error carries them; its message is the list that people read, `faults` is the same as data.
 */
import { SluiceError } from "../domain/errors.ts";

/** Keys and indexes from the top of the file. */
export type Path = readonly (string | number)[];

export interface Fault {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** `environments.production.rollout.steps[1].percent`; empty: the file as a whole. */
  readonly path: string;
  readonly what: string;
  readonly fix: string;
}

/** More than this is not read by anybody; the rest is counted. */
const shownFaults = 50;

export class ConfigurationFaults extends SluiceError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const sorted = inOrder(faults);
    const first = sorted[0];
    const more = sorted.length > shownFaults ? [`… and ${sorted.length - shownFaults} more`] : [];
    super({
      code: "CONFIG_INVALID",
      remedy: "operator",
      at: first ? `${first.file}:${first.line}:${first.column}` : "sluice.yaml",
      message: [...sorted.slice(0, shownFaults).map(faultLine), ...more].join("\n"),
      hint: `Correct ${sorted.length === 1 ? "it" : "them"}, then run: sluice validate`,
    });
    this.faults = sorted;
  }
}

/** `sluice.yaml:12:7  environments.production.url  what is wrong → how to mend it` */
export function faultLine(fault: Fault): string {
  const where = `${fault.file}:${fault.line}:${fault.column}`;
  return [where, ...(fault.path === "" ? [] : [fault.path]), `${fault.what} → ${fault.fix}`].join("  ");
}

/** By place; two faults with the same words at the same place are one. */
export function inOrder(faults: readonly Fault[]): readonly Fault[] {
  const distinct = new Map(faults.map((fault) => [faultLine(fault), fault]));
  return [...distinct.values()].sort((a, b) => a.line - b.line || a.column - b.column || (a.path < b.path ? -1 : 1));
}

export function pathText(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      const word = /^[A-Za-z0-9_-]{1,64}$/.test(part) ? part : JSON.stringify(part.slice(0, 64));
      return index === 0 ? word : `.${word}`;
    })
    .join("");
}
