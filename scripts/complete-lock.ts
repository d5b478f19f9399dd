/**
 * Makes every package-lock.json (the project's, and those of test/heavy/) name the platform packages of every machine, also where the registry in use carries only some of them:
 * npm then leaves the others out of the lock file, and `npm ci` refuses it. Run after changing dependencies:
 * `node scripts/bootstrap.mjs scripts/complete-lock.ts`. What is added has no digest; npm fills it in on a machine that can see it.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const operatingSystems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const processors = ["arm64", "arm", "ia32", "loong64", "ppc64", "riscv64", "s390x", "x64", "wasm32"];
const exactVersion = /^\d+\.\d+\.\d+[\w.+-]*$/;

/** npm's os, cpu and libc fields as platform packages carry them, read from a name such as `binding-linux-x64-musl`. */
function machineOf(name: string): Record<string, readonly string[]> {
  const words = name.split(/[-/]/);
  const os = operatingSystems.filter((x) => words.includes(x));
  const cpu = processors.filter((x) => words.includes(x));
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : os.includes("linux") ? ["glibc"] : [];
  return { ...(os.length && { os }), ...(cpu.length && { cpu }), ...(libc.length && { libc }) };
}

/** What the packages of a lock file name and the file itself leaves out. */
function missingIn(packages: Readonly<Record<string, LockedPackage>>): readonly (readonly [string, LockedPackage])[] {
  return Object.values(packages).flatMap((parent) =>
    Object.entries(parent.optionalDependencies ?? {})
      .filter(([name, version]) => packages[`node_modules/${name}`] === undefined && exactVersion.test(version))
      .map(([name, version]) => {
        const entry = { version, ...(parent.dev && { dev: true }), optional: true, ...machineOf(name) };
        return [`node_modules/${name}`, entry] as const;
      }),
  );
}

function complete(file: string): readonly string[] {
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const added = missingIn(lock.packages);
  if (added.length > 0) {
    const [own, ...rest] = [...Object.entries(lock.packages), ...added];
    rest.sort(([a], [b]) => (a < b ? -1 : 1));
    lock.packages = Object.fromEntries(own === undefined ? rest : [own, ...rest]);
    writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  }
  return added.map(([path, { version }]) => `${path.slice("node_modules/".length)}@${version}`);
}

const root = join(import.meta.dirname, "..");
for (const name of globSync(["package-lock.json", "test/heavy/*/package-lock.json"], { cwd: root })) {
  const added = complete(join(root, name));
  console.log(added.length === 0 ? `${name} names every platform.` : `Added to ${name}:\n  ${added.join("\n  ")}`);
}
