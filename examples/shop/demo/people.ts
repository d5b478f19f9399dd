/** The people of the demo, each with an SSH key of their own; an approval is a signature made with it. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface People {
  readonly allowedSignersFile: string;
  /** Name → private key. Undefined where ssh-keygen is missing: then nobody can sign. */
  readonly keys: Readonly<Record<string, string>> | undefined;
}

export async function makePeople(folder: string, names: readonly string[]): Promise<People> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const allowedSignersFile = join(folder, "allowed_signers");
  const keys = await makeKeys(folder, names).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const lines = await Promise.all(
    Object.entries(keys ?? {}).map(async ([name, key]) => {
      const [type, text] = (await readFile(`${key}.pub`, "utf8")).split(" ");
      return `${name} ${type} ${text}\n`;
    }),
  );
  await writeFile(allowedSignersFile, lines.join(""));
  return { allowedSignersFile, keys };
}

async function makeKeys(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const made = names.map(async (name) => {
    const key = join(folder, name);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key]);
    return [name, key] as const;
  });
  return Object.fromEntries(await Promise.all(made));
}
