/** Checkpoints that are remembered; the place is away when the test says so. */
import type { Checkpoint } from "../domain/audit.ts";
import type { Checkpoints } from "../ports/checkpoints.ts";

export interface MemoryCheckpoints extends Checkpoints {
  /** In the order in which they came, repeats included. */
  readonly kept: readonly Checkpoint[];
}

/** @param options.down asked at each write; true: it rejects. */
export function memoryCheckpoints(options: { readonly down?: () => boolean } = {}): MemoryCheckpoints {
  const kept: Checkpoint[] = [];
  return {
    location: "memory",
    kept,
    async append(checkpoint, signal) {
      signal.throwIfAborted();
      if (options.down?.()) throw new Error("the second place is away");
      kept.push(structuredClone(checkpoint));
    },
    async list() {
      const checkpoints = kept.map((checkpoint, index) => ({
        checkpoint: structuredClone(checkpoint),
        signature: { kind: "none" as const },
        line: index + 1,
      }));
      return { checkpoints, unreadable: [] };
    },
  };
}
