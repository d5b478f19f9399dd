/** A simulation as people read it: what was assumed, the plan in short, the timeline in virtual time, what would be run and sent, the end. */
import { faultNamed, type Simulated } from "../../app/simulate.ts";
import { humanDuration } from "../../domain/duration.ts";
import type { DeploymentEvent } from "../../domain/events.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { endingText, eventLines } from "../story.ts";
import { clip, hanging, number, padEnd, table, widthOf } from "./text.ts";
import { glyph } from "./words.ts";

export interface SimulationTextOptions {
  readonly columns: number;
  /** Where its files were written; null: nowhere. */
  readonly folder: string | null;
  /** Wall time. */
  readonly tookMs: number;
}

/** Either an event of the deployment, or a note about the simulation. */
export interface TimelineEntry {
  readonly offsetMs: number;
  readonly event?: DeploymentEvent;
  readonly note?: string;
}

export function simulationText(simulated: Simulated, { columns, folder, tookMs }: SimulationTextOptions): string {
  return [
    ...headLines(simulated, columns),
    ...planLines(simulated, columns),
    ...section("Timeline", "virtual time", timelineLines(simulated, columns)),
    ...section("Commands", "what a real deployment would run; secrets by [NAME]", commandLines(simulated, columns)),
    ...section("Notifications", "what would be sent, and was not", notificationLines(simulated, columns)),
    ...endLines(simulated, { columns, folder, tookMs }),
  ].join("\n");
}

const title = (text: string, more: string): string => `${paint.bold(text)} ${paint.dim(more)}`;
const label = (text: string): string => paint.dim(padEnd(`  ${text}`, 12));

/** As wide as the words of `endingText`. */
const ending = (text: string): string => paint.dim(padEnd(`  ${text}`, 11));

const section = (name: string, more: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ["", title(name, more), ...lines];

function headLines(
  { version, environment, replaces, faults, assumptions }: Simulated,
  columns: number,
): readonly string[] {
  const from = replaces ? `replacing ${replaces}` : "nothing serves yet";
  return [
    `${paint.bold(`SIMULATED: ${version} → ${environment}`)}, ${from}. Nothing real is touched.`,
    ...faults.flatMap((name) => hanging(label("fault"), `${paint.bold(name)}: ${faultNamed(name).says}`, columns)),
    ...assumptions.flatMap((text) => hanging(label("assumed"), stripControl(text), columns)),
  ];
}

function planLines({ plan: made }: Simulated, columns: number): readonly string[] {
  if (made === null) return [];
  const { plan, digest } = made;
  const width = Math.max(0, ...plan.steps.map(({ stage }) => widthOf(stage)));
  const steps = plan.steps.flatMap(({ stage, lines }) =>
    lines.flatMap((line, at) => hanging(`  ${padEnd(at === 0 ? stage : "", width)}  `, stripControl(line), columns)),
  );
  const more = `risk ${plan.risk.level}, digest ${digest.slice(0, 12)}; in full: sluice plan ${plan.environment} <version>`;
  return section("Plan in short", more, steps);
}

/** In the order in which it happened. */
export function timelineOf({ events, notes, startedAtMs }: Simulated): readonly TimelineEntry[] {
  const told = events.map((event) => ({ offsetMs: event.atMs - startedAtMs, event }));
  const noted = notes.map(({ atMs, text }) => ({ offsetMs: atMs - startedAtMs, note: text }));
  return [...noted, ...told].sort((a, b) => a.offsetMs - b.offsetMs);
}

function timelineLines(simulated: Simulated, columns: number): readonly string[] {
  const lineFor = eventLines(simulated.startedAtMs, () => columns);
  return timelineOf(simulated).flatMap(({ offsetMs, event, note = "" }) => {
    if (event === undefined) return noteLines(offsetMs, note, columns);
    const line = lineFor(event);
    return line === undefined ? [] : [line];
  });
}

function noteLines(offsetMs: number, note: string, columns: number): readonly string[] {
  const offset = `+${(offsetMs / 1_000).toFixed(1)}s`.padStart(8);
  return hanging(`${paint.dim(offset)} ${glyph("warn")} ${paint.bold(padEnd("simulation", 13))} `, note, columns);
}

/** Folded and never cut: they are there to be copied. */
function commandLines({ commands }: Simulated, columns: number): readonly string[] {
  const widest = (texts: readonly string[]) => Math.max(0, ...texts.map(widthOf));
  const [stages, names] = [widest(commands.map(({ stage }) => stage)), widest(commands.map(({ of }) => of))];
  return commands.flatMap(({ stage, of, words }) =>
    hanging(`  ${paint.bold(padEnd(stage, stages))}  ${padEnd(of, names)}  `, stripControl(words), columns),
  );
}

function notificationLines({ notifications, startedAtMs, undelivered }: Simulated, columns: number): readonly string[] {
  const sent = notifications.map(({ channel, notification }) => {
    const offset = `+${((notification.atMs - startedAtMs) / 1_000).toFixed(1)}s`.padStart(8);
    return clip(`${paint.dim(offset)} ${channel}: ${stripControl(notification.title)}`, columns);
  });
  const waiting =
    undelivered === 0 ? [] : [`  ${glyph("warn")} ${undelivered} could not be delivered and would be tried again`];
  const none = sent.length + waiting.length === 0 ? [paint.dim("  none: no channel wants any of it")] : [];
  return [...sent, ...waiting, ...none];
}

function endLines(simulated: Simulated, { columns, folder, tookMs }: SimulationTextOptions): readonly string[] {
  const { environment, outcome, servesNow, failure, requests, exitCode, startedAtMs, endedAtMs } = simulated;
  const version = `SIMULATED: ${simulated.version}`;
  const seen = `${number(requests.requests)} sent, ${number(requests.failed)} failed, ${number(requests.lost)} of them met no running version`;
  return [
    endingText({ version, environment, outcome, servesNow, failure, caught: null, folder }, columns),
    `${ending("requests")}${seen}`,
    `${ending("exit")}${exitCode}, the code that a real deployment would have`,
    `${ending("took")}${humanDuration(endedAtMs - startedAtMs)} of virtual time, ${humanDuration(tookMs)} of yours`,
    ...(folder === null ? [`${ending("record")}not written; it is with --keep`] : []),
  ];
}

export function faultLines(
  faults: readonly { readonly name: string; readonly says: string }[],
  columns: number,
): readonly string[] {
  return table(
    faults.map(({ name, says }) => [paint.bold(name), says]),
    columns,
  );
}
