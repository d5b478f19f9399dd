/**
 * Packages that only some suites need, and that are too large for everybody: each folder beside this file has its own lock file
 * and is installed by the suite that uses it, once.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { withFileLock } from "../../src/adapters/file-lock.ts";
import { realClock } from "../../src/testing/real-clock.ts";

const installsWithinMs = 180_000;

/** The folder with `node_modules` in it; undefined where npm cannot install it, which is said on stderr. */
export async function installed(name: "github-openapi" | "migration-tools" | "prisma"): Promise<string | undefined> {
  const folder = join(import.meta.dirname, name);
  const cache = join(import.meta.dirname, "../../.cache", `heavy-${name}`);
  const stamp = join(folder, "node_modules", ".sluice-installed");
  const wanted = createHash("sha256")
    .update(await readFile(join(folder, "package-lock.json")))
    .digest("hex");
  const isThere = async () => (await readFile(stamp, "utf8").catch(() => "")) === wanted;
  if (await isThere()) return folder;
  const signal = AbortSignal.timeout(installsWithinMs);
  return withFileLock(cache, { clock: realClock(), signal, waitMs: installsWithinMs }, async () => {
    if (await isThere()) return folder;
    const { exitCode, stderr } = await execa(process.execPath, [join(import.meta.dirname, "install.mjs"), name], {
      reject: false,
      cancelSignal: signal,
    });
    if (exitCode !== 0) {
      console.warn(`skipped: what needs test/heavy/${name}, since npm could not install it: ${stderr.slice(-1_000)}`);
      return undefined;
    }
    await mkdir(join(folder, "node_modules"), { recursive: true });
    await writeFile(stamp, wanted);
    return folder;
  });
}
