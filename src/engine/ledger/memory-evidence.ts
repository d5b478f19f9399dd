/** What the sequential test saw and knows, in memory. */
import type { EvidenceRow, Ledger } from "../../ports/ledger.ts";
import type { MemoryStore } from "./memory-store.ts";
import { storable } from "./storable.ts";

export function memoryEvidence(
  store: MemoryStore,
): Pick<Ledger, "evidence" | "beginEvidence" | "applyBuckets" | "evidenceBuckets"> {
  return {
    evidence: async (id) => structuredClone(store.evidence.get(id)),
    async beginEvidence(id, row, attempt) {
      store.takeCharge(id, attempt);
      const there = store.evidence.get(id) ?? storable(row);
      store.evidence.set(id, there);
      return structuredClone(there);
    },
    async applyBuckets(id, fromIndex, buckets, after, attempt) {
      store.takeCharge(id, attempt);
      const before = store.evidence.get(id);
      if (before?.nextIndex !== fromIndex) return structuredClone(before) as EvidenceRow;
      const row = { plan: before.plan, ...storable(after) };
      const kept = store.buckets.get(id) ?? new Map();
      for (const bucket of buckets) kept.set(`${bucket.index} ${bucket.metric}`, storable(bucket));
      store.buckets.set(id, kept);
      store.evidence.set(id, row);
      return structuredClone(row);
    },
    async evidenceBuckets(id, fromIndex = 0) {
      const found = [...(store.buckets.get(id)?.values() ?? [])].filter(({ index }) => index >= fromIndex);
      return structuredClone(found).sort((a, b) => a.index - b.index || (a.metric < b.metric ? -1 : 1));
    },
  };
}
