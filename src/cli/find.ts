/** Finds the deployment a person means: a whole id, the start of one, or an environment (its latest). */
import type { DeploymentRow, Ledger } from "../app/model.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Session } from "./session.ts";

export async function deploymentOf(session: Session, words: string): Promise<DeploymentRow> {
  const state = await session.knownState();
  const found = state && (await findDeployment(state.ledger, words));
  if (found) return found;
  throw unknownDeployment(
    `There is no deployment ${JSON.stringify(words.slice(0, 80))}, and nothing was deployed to an environment of that name.`,
  );
}

/** Undefined where nothing fits; DEPLOYMENT_UNKNOWN where several do. */
export async function findDeployment(ledger: Ledger, words: string): Promise<DeploymentRow | undefined> {
  const exact = await ledger.deployment(words);
  if (exact) return exact;
  const [latest] = await ledger.deployments({ environment: words, limit: 1 });
  if (latest) return latest;
  const matching = (await ledger.deployments({ limit: 500 })).filter(({ id }) => words !== "" && id.startsWith(words));
  if (matching.length > 1)
    throw unknownDeployment(
      `${words} could be ${matching
        .slice(0, 5)
        .map(({ id }) => id)
        .join(", ")}.`,
    );
  return matching[0];
}

const unknownDeployment = (message: string): SluiceError =>
  new SluiceError({
    code: "DEPLOYMENT_UNKNOWN",
    remedy: "operator",
    at: "cli",
    message,
    hint: "List them: sluice history",
  });
