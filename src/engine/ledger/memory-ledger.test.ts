import { ledgerContract } from "../../testing/ledger-contract.ts";
import { memoryLedger } from "./memory-ledger.ts";

ledgerContract("memory", async () => {
  let nowMs = Date.UTC(2026, 0, 1);
  return {
    ledger: memoryLedger({ now: () => nowMs }),
    async pass(ms) {
      nowMs += ms;
    },
    dispose: async () => undefined,
  };
});
