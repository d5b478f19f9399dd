/** What speaks against running a migration tool, before anybody is asked to approve it. */
import { constants } from "node:fs";
import { join } from "node:path";
import type { MigrationTrouble } from "../ports/migrator.ts";
import type { MigrationTool } from "./migration-tool.ts";

type Access = (path: string, mode: number) => Promise<void>;

/** A program given by a path is looked for in the release; one by name is left to PATH. */
export async function programTroubles(
  { program, title }: MigrationTool,
  folder: string,
  access: Access,
): Promise<readonly MigrationTrouble[]> {
  const [path = ""] = program;
  if (!path.includes("/")) return [];
  const there = await access(join(folder, path), constants.X_OK).then(
    () => true,
    () => false,
  );
  if (there) return [];
  return [
    {
      severity: "stop",
      detail: `${title} is not in the release: there is no ${path} that can be run`,
      hint: "Install it as the project does (a `build` command such as npm ci, and build: before-plan), or name it as migrations.<database>.tool, then: sluice validate",
    },
  ];
}

/** A pooler hands one session's settings and locks to others; a migration needs a session of its own. */
export function poolerTroubles(url: URL): readonly MigrationTrouble[] {
  const hint = "Give migrations the direct URL as migrations.<database>.url: { secret: … }, then: sluice validate";
  if (url.searchParams.get("pgbouncer") === "true")
    return [{ severity: "stop", detail: "its URL leads through a connection pooler (pgbouncer=true)", hint }];
  if (url.port !== "6543") return [];
  return [
    { severity: "remark", detail: "its URL may lead through a connection pooler (port 6543 is usually one)", hint },
  ];
}
