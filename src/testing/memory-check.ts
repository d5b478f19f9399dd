/** A check whose answer the test or simulation decides, anew for each probe. */
import type { Verdict } from "../domain/verdict.ts";
import type { Check } from "../ports/check.ts";

export interface MemoryCheckOptions {
  readonly name: string;
  readonly answer: () => Verdict;
  /** Default true. */
  readonly critical?: boolean;
  readonly tookMs?: number;
}

export function memoryCheck({ name, answer, critical = true, tookMs = 0 }: MemoryCheckOptions): Check {
  return {
    name,
    critical,
    async probe(signal) {
      signal.throwIfAborted();
      const verdict = answer();
      return { name, verdict, tookMs, detail: verdict.kind === "pass" ? "as it should be" : verdict.reason };
    },
  };
}
