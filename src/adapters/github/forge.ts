/** GitHub behind the forge port, on github.com or a server of one's own. */
import type { Forge } from "../../ports/forge.ts";
import { checksOf } from "./checks.ts";
import { type GithubOptions, githubClient } from "./client.ts";

export function githubForge(options: GithubOptions): Forge {
  const client = githubClient(options);
  return {
    kind: "github",
    repository: options.repository,
    checks: (commit, signal) => checksOf(client, commit, signal),
    clockAheadMs: client.clockAheadMs,
  };
}
