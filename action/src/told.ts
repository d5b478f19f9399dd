/** What the command line tells with `--json`, one object a line: log lines for people while it goes, and what it came to. */
import { exitCodes } from "../../src/domain/outcome.ts";
import type { AnnotationKind, Runner } from "./runner.ts";

/** One line; what a line does not have is absent. */
interface Line {
  readonly type?: string;
  readonly deployment?: string;
  readonly version?: string;
  readonly environment?: string;
  readonly outcome?: string;
  readonly servesNow?: string | null;
  readonly folder?: string | null;
  readonly next?: string;
  readonly failure?: Trouble | null;
  readonly error?: Trouble & { readonly faults?: readonly Fault[] };
  readonly atMs?: number;
  readonly step?: string;
  readonly phase?: string;
  readonly title?: string;
  readonly tone?: "info" | "ok" | "warn" | "bad";
  readonly detail?: { readonly verdict?: string; readonly plan?: object } | null;
}

interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly evidence?: string;
}

interface Fault {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly fix: string;
}

/** What is known of the deployment so far. */
export interface Story {
  readonly deployment?: string;
  readonly version?: string;
  readonly environment?: string;
  /** Undefined until it has ended. */
  readonly outcome?: string;
  readonly servesNow?: string | null;
  readonly folder?: string | null;
  readonly next?: string;
  readonly trouble?: Trouble | null;
}

type Tone = NonNullable<Line["tone"]>;

const shownAs: Readonly<Partial<Record<Tone, AnnotationKind>>> = { warn: "warning", bad: "error" };
const signs: Readonly<Record<Tone, string>> = { info: "·", ok: "✓", warn: "!", bad: "✗" };

export interface Teller {
  readonly story: () => Story;
  /** A line of stdout. */
  hear(text: string): void;
}

/** @param onDeployment called once, as soon as there is one. */
export function openTeller(runner: Runner, onDeployment: (id: string) => void): Teller {
  let story: Story = {};
  let beganAtMs: number | undefined;
  const learn = (more: Story) => {
    const isFirst = story.deployment === undefined && more.deployment !== undefined;
    story = { ...story, ...more };
    if (isFirst && more.deployment !== undefined) onDeployment(more.deployment);
  };
  const tellEvent = (line: Line) => {
    beganAtMs ??= line.atMs;
    const text = eventText(line, beganAtMs ?? 0);
    if (text !== undefined) runner.log(text);
    const kind = line.phase === "begin" ? undefined : shownAs[line.tone ?? "info"];
    if (kind) runner.annotate({ kind, title: `Sluice: ${line.step ?? ""}`, message: line.title ?? "" });
  };
  const tell = (line: Line) => {
    const { deployment, version, environment, next } = line;
    if (line.type === "event") return tellEvent(line);
    if (line.error) return tellError(line.error);
    learn(withoutUndefined({ deployment, version, environment, next }));
    if (line.type === "created") runner.log(`${version} to ${environment}: deployment ${deployment}`);
    if (line.type === "resumed") runner.log(`going on with deployment ${deployment}`);
    const { outcome, servesNow, folder, failure } = line;
    if (line.type === "ended") learn(withoutUndefined({ outcome, servesNow, folder, trouble: failure }));
  };
  const tellError = (error: NonNullable<Line["error"]>) => {
    learn({ trouble: error });
    for (const { file, line, what, fix } of error.faults ?? [])
      runner.annotate({ kind: "error", title: `${file}: ${what}`, message: `${what}: ${fix}`, file, line });
  };
  return {
    story: () => story,
    hear(text) {
      const line = parsed(text);
      if (line === undefined) runner.log(text);
      else tell(line);
    },
  };
}

function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

const withoutUndefined = (facts: { readonly [K in keyof Story]: Story[K] | undefined }): Story =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));

/** Begins and rounds that went well are left out: a log is read for what changed. */
function eventText({ phase, step = "", title = "", tone = "info", detail, atMs = 0 }: Line, beganAtMs: number) {
  if (phase === "begin") return undefined;
  if (phase === "progress" && (detail?.verdict === "pass" || detail?.plan !== undefined)) return undefined;
  return `${`+${((atMs - beganAtMs) / 1000).toFixed(1)}s`.padStart(9)} ${signs[tone]} ${step.padEnd(13)} ${title}`;
}

/** How it ended in one word, for a program. Only what has ended has an outcome of its own. */
export function outcomeWord(story: Story, code: number): string {
  if (story.outcome !== undefined) return story.outcome;
  if (code === exitCodes.waitingForApproval) return "waiting";
  return code === exitCodes.followingStopped ? "detached" : "error";
}
