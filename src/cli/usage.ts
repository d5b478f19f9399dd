/** What was asked for cannot be meant: exit code 2, and a command that works. */
import { durationMs, durationPattern, nearestDuration } from "../config/text-forms.ts";
import { SluiceError } from "../domain/errors.ts";

export const usage = (message: string, hint: string): SluiceError =>
  new SluiceError({ code: "USAGE", remedy: "operator", at: "cli", message, hint });

export function wholeNumber(
  text: string,
  option: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usage(
    `${option} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}.`,
    `For example ${option} ${Math.max(min, 1)}. See the options: sluice --help`,
  );
}

export function duration(text: string, option: string): number {
  if (text !== "" && durationPattern.test(text)) return durationMs(text);
  throw usage(
    `${option} takes a duration with its unit, not ${JSON.stringify(text)}.`,
    `For example ${option} ${nearestDuration(text) ?? "5m"}. See the options: sluice --help`,
  );
}

/** X4 and the audit trail: what is done by hand says why. */
export function reasonOf(reason: string | undefined, command: string): string {
  const words = reason?.trim() ?? "";
  if (words !== "") return words;
  throw usage("A reason is needed: it goes into the audit trail.", `Give one: ${command} --reason "…"`);
}
