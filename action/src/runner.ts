/**
 * What is said to GitHub's runner: log lines that it cannot take for its own commands, and at the end outputs, annotations and the
 * job's summary, each cut visibly at GitHub's limit rather than dropped by it.
 */
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { cutVisibly, stripControl } from "../../src/domain/untrusted-text.ts";

/** GitHub shows ten of each kind from one step; the last one of the errors is kept for how it ended. */
const mostAnnotations = 10;
const mostMessage = 4_000;
const mostTitle = 200;
/** Of one step's summary; what is larger is refused as a whole. */
export const mostSummaryBytes = 1024 * 1024;

export type AnnotationKind = "notice" | "warning" | "error";

export interface Annotation {
  readonly kind: AnnotationKind;
  readonly title: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
}

export interface Runner {
  log(text: string): void;
  /** Shown at the end, the first ones of each kind. */
  annotate(annotation: Annotation): void;
  /** Once. `last` is shown whatever there was before. */
  finish(ending: {
    readonly outputs: Readonly<Record<string, string>>;
    readonly summary: string;
    readonly last?: Annotation;
  }): void;
}

interface Files {
  readonly GITHUB_OUTPUT?: string | undefined;
  readonly GITHUB_STEP_SUMMARY?: string | undefined;
}

/** `write` ends lines itself. */
export function openRunner(files: Files, write: (line: string) => void): Runner {
  const annotations: Annotation[] = [];
  // Between these two no line is a command, whoever wrote it; each is made harmless besides.
  const token = randomUUID();
  write(`::stop-commands::${token}`);
  return {
    log(text) {
      for (const line of stripControl(text).split("\n")) write(line);
    },
    annotate: (annotation) => void annotations.push(annotation),
    finish({ outputs, summary, last }) {
      write(`::${token}::`);
      for (const each of shownOf(annotations, last)) write(annotationLine(each));
      if (files.GITHUB_STEP_SUMMARY) appendFileSync(files.GITHUB_STEP_SUMMARY, cutBytes(summary, mostSummaryBytes));
      if (files.GITHUB_OUTPUT) appendFileSync(files.GITHUB_OUTPUT, outputText(outputs));
    },
  };
}

function shownOf(annotations: readonly Annotation[], last: Annotation | undefined): readonly Annotation[] {
  const kinds: readonly AnnotationKind[] = ["notice", "warning", "error"];
  const first = kinds.flatMap((kind) => {
    const room = mostAnnotations - (last?.kind === kind ? 1 : 0);
    return annotations.filter((each) => each.kind === kind).slice(0, room);
  });
  return last === undefined ? first : [...first, last];
}

export function annotationLine({ kind, title, message, file, line }: Annotation): string {
  const properties = [
    ...(file === undefined ? [] : [`file=${property(file)}`]),
    ...(line === undefined ? [] : [`line=${line}`]),
    `title=${property(cutVisibly(oneLine(title), mostTitle))}`,
  ];
  return `::${kind} ${properties.join(",")}::${data(cutVisibly(stripControl(message), mostMessage))}`;
}

const oneLine = (text: string): string => stripControl(text).replace(/\s+/g, " ");
const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

/** A value may hold anything, its own end mark excepted, which nobody can guess. */
function outputText(outputs: Readonly<Record<string, string>>): string {
  return Object.entries(outputs)
    .map(([name, value]) => {
      const end = `end-${randomUUID()}`;
      return `${name}<<${end}\n${value}\n${end}\n`;
    })
    .join("");
}

/** Whole lines, and a last one that says what became of the rest. */
export function cutBytes(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  const note =
    "\n\n… cut: GitHub takes no more. The whole is in the uploaded artifact and in the deployment's folder.\n";
  const fence = "\n```";
  let room = most - Buffer.byteLength(note) - fence.length;
  const lines = text.split("\n");
  const kept = lines.slice(
    0,
    lines.findIndex((line) => {
      room -= Buffer.byteLength(line) + 1;
      return room < 0;
    }),
  );
  const isOpen = kept.filter((line) => line.startsWith("```")).length % 2 === 1;
  return `${kept.join("\n")}${isOpen ? fence : ""}${note}`;
}
