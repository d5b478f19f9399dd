/** What GitHub does with a push: it knows the branches, tags and commits of a real bare repository from then on. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { SimulatedRepository } from "./world.ts";

const run = promisify(execFile);
const commitFormat = "--format=%H%x00%P%x00%an%x00%ae%x00%ct%x00%B%x1e";
const refFormat = "--format=%(refname) %(objecttype) %(objectname) %(*objectname)";

export async function receivePush(repository: SimulatedRepository, bareFolder: string): Promise<void> {
  const git = async (...words: readonly string[]) => (await run("git", ["-C", bareFolder, ...words])).stdout;
  for (const entry of (await git("log", "--all", commitFormat)).split("\x1e")) {
    const [sha = "", parents = "", author = "", email = "", seconds = "0", message = ""] = entry
      .trimStart()
      .split("\0");
    if (sha === "") continue;
    const login = author.split(" ")[0]?.toLowerCase() ?? null;
    const [parent = null] = parents.split(" ").filter((text) => text !== "");
    const commit = { sha, message: message.trim(), author, email, login, atMs: Number(seconds) * 1_000, parent };
    repository.commits.set(sha, commit);
  }
  for (const line of (await git("for-each-ref", refFormat)).split("\n").filter((text) => text !== "")) {
    const [name = "", type, sha = "", peeled = ""] = line.split(" ");
    const annotated = type === "tag";
    repository.refs.set(name.replace(/^refs\//, ""), { sha: annotated ? peeled : sha, annotated });
  }
}
