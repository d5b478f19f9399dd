/** Asks the running router. Every call has a deadline; what comes back is the answer or the router's own `Failure`. */
import { request as httpRequest } from "node:http";
import { errorCodes } from "../../domain/error-codes.ts";
import { type Failure, SluiceError } from "../../domain/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { deadlineIn } from "../../ports/deadline.ts";
import { identify } from "../process-identity.ts";
import type { Answers, CommandBody, CommandName, ErrorAnswer } from "./protocol.ts";
import { protocolVersion } from "./protocol.ts";
import type { RouterRecord } from "./run-time.ts";

export const callDeadlineMs = 5000;

export interface Call {
  readonly socket: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number;
}

/** Rejects with the router's refusal, with ROUTER_UNREACHABLE, or with the signal's reason. */
export async function callRouter<Name extends CommandName>(
  call: Call,
  command: Name,
  body: CommandBody<Name>,
): Promise<Answers[Name]> {
  call.signal?.throwIfAborted();
  const deadlineMs = call.deadlineMs ?? callDeadlineMs;
  const reason = unreachable(call.socket, `no answer to ${command} within ${deadlineMs} ms`);
  await using limit = deadlineIn(deadlineMs, call.clock, { signal: call.signal, reason });
  try {
    const answer = await exchange(call.socket, command, JSON.stringify(body), limit.signal);
    return read(call.socket, answer) as Answers[Name];
  } catch (error) {
    limit.signal.throwIfAborted();
    throw error;
  }
}

function exchange(socketPath: string, command: string, body: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: "router", "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const fail = (error: NodeJS.ErrnoException) => reject(unreachable(socketPath, error.code ?? error.message, error));
    const request = httpRequest({ socketPath, path: `/${command}`, method: "POST", headers, agent: false, signal });
    request.on("error", fail);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    });
    request.end(body);
  });
}

function read(socket: string, text: string): unknown {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw unreachable(socket, "what answers is not a router", cause);
  }
  const failure = (answer as Partial<ErrorAnswer> | null)?.error;
  if (failure === undefined) return answer;
  throw isFailure(failure) ? new SluiceError(failure) : unreachable(socket, "it answered with an unknown error");
}

const isFailure = (failure: Failure): boolean =>
  typeof failure === "object" && errorCodes.includes(failure.code) && typeof failure.message === "string";

const unreachable = (socket: string, why: string, cause?: unknown): SluiceError =>
  new SluiceError({
    code: "ROUTER_UNREACHABLE",
    remedy: "retry",
    at: "builtin-router.control",
    message: `The built-in router does not answer on ${socket}: ${why}.`,
    hint: `It keeps serving its last split if it lives. Ask it yourself: curl --unix-socket '${socket}' http://router/status`,
    ...(cause === undefined ? {} : { cause }),
  });

export const isAlive = async (pid: number): Promise<boolean> => (await identify(pid)) !== undefined;

/** Does the recorded router live, answer as itself, and speak our protocol? */
export async function answers(record: RouterRecord, clock: Clock, signal?: AbortSignal): Promise<boolean> {
  if (!(await isAlive(record.pid))) return false;
  try {
    const status = await callRouter({ socket: record.socket, clock, signal, deadlineMs: 2000 }, "status", {});
    return status.pid === record.pid && status.protocol === protocolVersion;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
