/** Runs `ssh-keygen` with arguments as data and its input on stdin; no shell. What it exits with is a value. */
import { spawn } from "node:child_process";
import { SluiceError } from "../../domain/errors.ts";

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects only where the program cannot be run (COMMAND_FAILED) or the signal is aborted. */
export function sshKeygen(args: readonly string[], input: string, signal?: AbortSignal): Promise<Finished> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const child = spawn("ssh-keygen", args, { stdio: ["pipe", "pipe", "pipe"], ...(signal ? { signal } : {}) });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  child.once("error", (cause) => reject(signal?.aborted ? signal.reason : notRun(cause)));
  child.once("close", (exitCode) => resolve({ exitCode: exitCode ?? -1, ...output }));
  // It may end before it has read its input (a bad key): the exit code says so, not a broken pipe.
  child.stdin.on("error", () => undefined).end(input);
  return promise;
}

const notRun = (cause: unknown): SluiceError =>
  new SluiceError({
    code: "COMMAND_FAILED",
    remedy: "operator",
    at: "approval.signature",
    message: "ssh-keygen could not be run on this machine.",
    hint: "Approvals are signed and checked with OpenSSH 8.2 or newer. Install it, then see: ssh -V",
    cause,
  });
