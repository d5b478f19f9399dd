/**
 * One error class, one catalogue. An error says what, where and who acts next, and its hint ends with a command to run.
 * `code` is stable and documented in docs/errors.md (a test compares the two); nobody branches on message text.
 */
import type { ErrorCode } from "./error-codes.ts";

/** Who acts next: `retry` the engine, `operator` a person, `bug` us. */
export type Remedy = "retry" | "operator" | "bug";

/** The journalled, printed and recorded form of an error: plain JSON, already free of secrets. */
export interface Failure {
  readonly code: ErrorCode;
  readonly remedy: Remedy;
  /** Where in Sluice or in the user's files, e.g. `stages.backup` or `sluice.yaml:12:7`. */
  readonly at: string;
  readonly message: string;
  /** What to do; ends with a command where there is one. */
  readonly hint: string;
  /** Evidence: the last lines of a log, a response body. At most a few kilobytes. */
  readonly evidence?: string;
  /** Not to be tried again before, as the other side said. */
  readonly retryAfterMs?: number;
}

export class SluiceError extends Error {
  override readonly name = "SluiceError";
  readonly failure: Failure;

  constructor(failure: Failure & { readonly cause?: unknown }) {
    const { cause, ...facts } = failure;
    super(facts.message, cause === undefined ? undefined : { cause });
    this.failure = facts;
  }
}

/** Any thrown thing as a failure. What is neither a `SluiceError` nor a full disk is our own bug and says so. */
export function failureOf(thrown: unknown, at: string): Failure {
  if (thrown instanceof SluiceError) return thrown.failure;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (isDiskFull(thrown)) return diskFull(at, message);
  const evidence = thrown instanceof Error && thrown.stack ? { evidence: thrown.stack.slice(0, 4000) } : {};
  return {
    code: "INTERNAL",
    remedy: "bug",
    at,
    message,
    hint: "This is a fault in Sluice or in one of its adapters. Please report it with the evidence shown by: sluice logs",
    ...evidence,
  };
}

/** Any write may meet it, in every adapter; it is nobody's bug. */
function isDiskFull(thrown: unknown): boolean {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT";
}

export const diskFull = (at: string, message: string): Failure => ({
  code: "DISK_FULL",
  remedy: "operator",
  at,
  message: `The disk is full: ${message}`,
  hint: "Free some space, then start again. See what is full: df -h",
});
