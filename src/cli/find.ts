/** Finds the deployment a person means: a whole id, the start of one, or an environment (its latest). */
import { SluiceError } from "../domain/errors.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import type { Session } from "./session.ts";

export async function deploymentOf(session: Session, words: string): Promise<DeploymentRow> {
  const { ledger } = await session.state();
  const exact = await ledger.deployment(words);
  if (exact) return exact;
  const recent = await ledger.deployments({ limit: 500 });
  const matching = recent.filter(({ id, environment }) => id.startsWith(words) || environment === words);
  const [first] = matching;
  const ambiguous = matching.length > 1 && first?.environment !== words;
  if (first !== undefined && !ambiguous) return first;
  throw new SluiceError({
    code: "DEPLOYMENT_UNKNOWN",
    remedy: "operator",
    at: "cli",
    message: ambiguous ? `${words} could be ${matching.map(({ id }) => id).join(", ")}.` : `There is no deployment ${words}.`,
    hint: "List them: sluice history",
  });
}
