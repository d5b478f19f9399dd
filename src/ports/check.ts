/** One thing that can be asked of the world: a health endpoint, a database connection, a certificate, a journey. */
import type { Verdict } from "../domain/verdict.ts";

export interface CheckResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** Wall time of the probe; for retried checks of the last one. */
  readonly tookMs: number;
  /** What was seen, in one line: `200 in 12 ms, version v1.2.0`. */
  readonly detail: string;
  /** What to do about a non-pass; ends with a command where there is one. */
  readonly hint?: string;
}

export interface Check {
  readonly name: string;
  /** A failing non-critical check is shown and recorded but does not fail its round. */
  readonly critical: boolean;
  /** Never throws for what it finds; an aborted signal rejects. */
  probe(signal: AbortSignal): Promise<CheckResult>;
}
