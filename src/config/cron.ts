/** The only place that knows the library which reads cron expressions. Five fields, in a time zone; times are milliseconds. */
import { Cron } from "croner";

export interface CronTimes {
  readonly cron: string;
  readonly timeZone: string;
}

const read = ({ cron, timeZone }: CronTimes): Cron =>
  new Cron(cron, { mode: "5-part", timezone: timeZone, paused: true });

/** In words, without a full stop; undefined where it is sound. */
export function cronFault(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/).length;
  if (!cron.startsWith("@") && fields !== 5) {
    return `${fields === 1 ? "1 field is" : `${fields} fields are`} not a cron expression, which has five: minute, hour, day, month, weekday`;
  }
  try {
    const comes = read({ cron, timeZone: "UTC" }).nextRun(new Date(0)) !== null;
    return comes ? undefined : "that time never comes: no month has such a day";
  } catch (error) {
    return error instanceof Error ? inOurWords(error.message) : String(error);
  }
}

const inOurWords = (message: string): string =>
  message
    .replace(/^CronPattern: /, "")
    .replace(/^[A-Z]/, (first) => first.toLowerCase())
    .replace(/\.$/, "");

export function timeZoneFault(timeZone: string): string | undefined {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return undefined;
  } catch {
    return "no time zone of that name is known";
  }
}

/** At or before `nowMs`; undefined where it has never come. */
export const lastFire = (times: CronTimes, nowMs: number): number | undefined =>
  read(times)
    // The library leaves out the second it is asked for.
    .previousRuns(1, new Date(Math.floor(nowMs / 1000) * 1000 + 1000))[0]
    ?.getTime();

/** After `nowMs`. */
export const nextFire = (times: CronTimes, nowMs: number): number | undefined =>
  read(times).nextRun(new Date(nowMs))?.getTime();

/** How many times came after `fromMs`, up to `untilMs` itself; counted up to `most`. */
export function firesBetween(times: CronTimes, fromMs: number, untilMs: number, most = 1_000): number {
  const cron = read(times);
  let count = 0;
  for (let at = cron.nextRun(new Date(fromMs)); at !== null && at.getTime() <= untilMs && count < most; count++) {
    at = cron.nextRun(at);
  }
  return count;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yearMs = 366 * dayMs;
const walkMost = 1_500;

/**
 * The longest time between two of its times in the year after `fromMs`. Where they come too often to be walked through, every
 * hour is asked instead, of a week or of the year as the expression repeats: nothing for an hour after it is inside a gap.
 */
export function largestGapMs(times: CronTimes, fromMs: number): number {
  const { largestMs, reachedMs } = walk(read(times), lastFire(times, fromMs) ?? fromMs, fromMs + yearMs);
  if (reachedMs === undefined) return largestMs;
  const [, , day, month] = times.cron.trim().split(/\s+/);
  const repeatsAfterMs = day === "*" && month === "*" ? 8 * dayMs : yearMs;
  return Math.max(largestMs, gapByHours(times, reachedMs, reachedMs + repeatsAfterMs));
}

/** `reachedMs`: how far it came where it gave up. */
function walk(cron: Cron, fromMs: number, untilMs: number): { largestMs: number; reachedMs: number | undefined } {
  let largestMs = 0;
  let before = fromMs;
  for (let walked = 0; walked < walkMost; walked++) {
    const next = cron.nextRun(new Date(before))?.getTime();
    if (next === undefined) return { largestMs, reachedMs: undefined };
    largestMs = Math.max(largestMs, next - before);
    before = next;
    if (next > untilMs) return { largestMs, reachedMs: undefined };
  }
  return { largestMs, reachedMs: before };
}

function gapByHours(times: CronTimes, fromMs: number, untilMs: number): number {
  const cron = read(times);
  let largestMs = 0;
  for (let at = fromMs; at < untilMs; at += hourMs) {
    const next = cron.nextRun(new Date(at))?.getTime() ?? at;
    if (next - at < hourMs) continue;
    largestMs = Math.max(largestMs, next - (lastFire(times, at) ?? at));
    at = next;
  }
  return largestMs;
}
