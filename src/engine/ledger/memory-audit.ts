/** What an audit reads, from the ledger in memory. */
import { type Chain, chainName } from "../../domain/audit.ts";
import type { Ledger } from "../../ports/ledger.ts";
import { emptyChain } from "./chain.ts";
import type { MemoryStore } from "./memory-store.ts";

export function memoryAudit(store: MemoryStore): Pick<Ledger, "actions" | "chains" | "chain"> {
  const known = ({ kind, id }: Chain): boolean =>
    kind === "deployment" ? store.deployments.has(id) : store.environments.has(id);
  return {
    async actions({ environment, deploymentId, limit }) {
      const all =
        deploymentId === undefined ? store.events : store.chain(chainName({ kind: "deployment", id: deploymentId }));
      const found = all
        .toReversed()
        .filter(({ actor }) => actor !== null)
        .filter((event) => environment === undefined || event.environment === environment);
      return found.slice(0, limit);
    },
    chains: async () => [
      ...[...store.deployments.keys()].map((id) => ({ kind: "deployment", id }) as const),
      ...[...store.environments.keys()].map((id) => ({ kind: "environment", id }) as const),
    ],
    async chain(chain) {
      const { kind, id } = chain;
      const name = chainName(chain);
      const end = known(chain) ? (store.ends.get(name) ?? emptyChain) : null;
      return { chain: { kind, id }, end, events: [...store.chain(name)] };
    },
  };
}
