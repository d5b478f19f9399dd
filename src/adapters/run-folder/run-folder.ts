/** D7: one folder per deployment on this machine's disk. Everything written here has passed the redactor. */
import { appendFile, mkdir, open, rename } from "node:fs/promises";
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
      await appendFile(await pathOf(file), redactor.text(text));
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
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
    },
  };
}
