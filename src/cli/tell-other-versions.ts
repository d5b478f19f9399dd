/** Deployments under way that another version of Sluice began are named wherever one could stumble over them. */
import { type OtherVersion, otherVersionsUnderWay, otherVersionText } from "../app/other-versions.ts";
import { paint } from "./output.ts";
import type { Session } from "./session.ts";

/** On stderr; the caller adds what is returned to its result. */
export async function tellOtherVersions(session: Session): Promise<readonly OtherVersion[]> {
  const state = await session.knownState();
  const others = state === undefined ? [] : await otherVersionsUnderWay(state.ledger);
  for (const other of others) session.output.progress(`${paint.yellow("!")} ${otherVersionText(other)}`);
  return others;
}
