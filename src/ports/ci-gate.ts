/** Has CI passed for exactly this commit (T4)? Adapters: a command; GitHub later. */
import type { Verdict } from "../domain/verdict.ts";

export interface CiGate {
  readonly kind: string;
  passed(commit: string, signal: AbortSignal): Promise<{ readonly verdict: Verdict; readonly detail: string }>;
}
