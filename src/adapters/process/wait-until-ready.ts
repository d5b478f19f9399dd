/** Asks an instance whether it is ready, over HTTP, until it says so, ends, answers for another version, or time is up. */
import { request } from "undici";
import type { Clock } from "../../ports/clock.ts";
import type { ReadyProbe } from "../../ports/target.ts";

export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "ended" }
  /** It answers with the expected status but for another version; `version` undefined: its body names none. */
  | { readonly kind: "other-version"; readonly version: string | undefined }
  | { readonly kind: "timed-out"; readonly lastAnswer: string };

export interface Waiting {
  readonly host: string;
  readonly port: number;
  readonly probe: ReadyProbe;
  /** Does the process still run? Asked between probes and after a good answer, which might be another process's. */
  readonly isRunning: () => Promise<boolean>;
  /** Was the good answer another instance's, which took the port first? Then ours will find it taken and end. */
  readonly isAnothers: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const lookEveryMs = 100;
const requestTimeoutMs = 5_000;
const bodyLimitCharacters = 65_536;

export async function waitUntilReady(waiting: Waiting): Promise<Readiness> {
  const { probe, clock, signal } = waiting;
  const untilMs = clock.now() + probe.timeoutMs;
  let nextProbeAtMs = clock.now();
  let lastAnswer = lateAnswer;
  for (;;) {
    signal.throwIfAborted();
    if (!(await waiting.isRunning())) return { kind: "ended" };
    if (clock.now() >= untilMs) return { kind: "timed-out", lastAnswer };
    if (clock.now() >= nextProbeAtMs) {
      nextProbeAtMs = clock.now() + probe.intervalMs;
      const answer = await ask(waiting, Math.min(requestTimeoutMs, untilMs - clock.now()));
      const settled = await judge(waiting, answer);
      if (settled) return settled;
      lastAnswer = toTell(answer, lastAnswer, clock.now() >= untilMs);
    }
    await clock.sleep(Math.max(1, Math.min(lookEveryMs, nextProbeAtMs - clock.now())), signal);
  }
}

const lateAnswer = "no answer in time";

interface Answer {
  /** Absent where there was no answer; the body then says why. */
  readonly status?: number;
  readonly body: string;
}

const inWords = ({ status, body }: Answer): string => (status === undefined ? body : `${status} ${body.slice(0, 500)}`);

/** What the instance said tells more than that our own deadline cut the last question short. */
const toTell = (answer: Answer, before: string, isOver: boolean): string =>
  isOver && answer.body === lateAnswer ? before : inWords(answer);

/** Undefined: not yet, ask again. */
async function judge({ probe, isRunning, isAnothers }: Waiting, answer: Answer): Promise<Readiness | undefined> {
  if (answer.status !== probe.expectStatus) return undefined;
  if (!(await isRunning())) return { kind: "ended" };
  if (await isAnothers()) return undefined;
  if (probe.expectVersion === undefined) return { kind: "ready" };
  const version = versionIn(answer.body);
  return version === probe.expectVersion ? { kind: "ready" } : { kind: "other-version", version };
}

/** One request on its own connection, so that none of ours keeps the instance from ending. */
async function ask(waiting: Waiting, timeoutMs: number): Promise<Answer> {
  const path = waiting.probe.path.startsWith("/") ? waiting.probe.path : `/${waiting.probe.path}`;
  const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))]);
  try {
    const response = await request(`http://${waiting.host}:${waiting.port}${path}`, { signal, reset: true });
    return { status: response.statusCode, body: await bodyOf(response.body) };
  } catch (error) {
    waiting.signal.throwIfAborted();
    const { name, code, message } = error as NodeJS.ErrnoException;
    return { body: name === "TimeoutError" ? lateAnswer : `no answer (${code ?? message})` };
  }
}

async function bodyOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += chunk.toString("utf8");
    if (text.length > bodyLimitCharacters) break;
  }
  return text;
}

function versionIn(body: string): string | undefined {
  try {
    const { version } = JSON.parse(body) as { version?: unknown };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
