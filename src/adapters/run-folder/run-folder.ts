/** D7: one folder per deployment on this machine's disk. Everything written here has passed the redactor. */
import { appendFile, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Redactor } from "../../domain/redactor.ts";
import type { RunFolder } from "../../ports/run-folder.ts";

export interface RunFolderOptions {
  /** Absolute; made when something is first written. */
  readonly folder: string;
  readonly redactor: Redactor;
}

const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export function runFolder({ folder, redactor }: RunFolderOptions): RunFolder {
  const pathOf = async (file: string): Promise<string> => {
    if (!fileName.test(file)) throw new Error(`not a file name: ${JSON.stringify(file)}`);
    await mkdir(folder, { recursive: true });
    return join(folder, file);
  };
  return {
    location: folder,
    async append(file, text) {
      try {
        await appendFile(await pathOf(file), redactor.text(text));
      } catch (thrown) {
        if (!isDisksFault(thrown)) throw thrown;
      }
    },
    async write(file, text) {
      const path = await pathOf(file);
      const mode = file.endsWith(".sh") ? 0o755 : 0o644;
      // A reader sees the file before or after, never half of it, also when this process dies here.
      const temporary = `${path}.${process.pid}.tmp`;
      const handle = await open(temporary, "w", mode);
      try {
        await handle.writeFile(redactor.text(text));
        await handle.sync();
        await handle.close();
        await rename(temporary, path);
      } catch (thrown) {
        await handle.close().catch(() => undefined);
        await rm(temporary, { force: true });
        throw thrown;
      }
    },
  };
}

const disksFaults = ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO"];

const isDisksFault = (thrown: unknown): boolean =>
  thrown instanceof Error && "code" in thrown && disksFaults.includes(String(thrown.code));
