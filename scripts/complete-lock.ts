/**
 * Makes package-lock.json name the platform packages of every machine, also where the registry in use carries only some of them:
 * npm then leaves the others out of the lock file, and `npm ci` refuses it. Run after changing dependencies:
 * `node scripts/bootstrap.mjs scripts/complete-lock.ts`. What is added has no digest; npm fills it in on a machine that can see it.
 */
import { readFileSync, writeFileSync } from "node:fs";

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

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const packages: Record<string, LockedPackage> = lock.packages;
const added: string[] = [];
for (const parent of Object.values(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (packages[path] !== undefined || !exactVersion.test(version)) continue;
    packages[path] = { version, ...(parent.dev && { dev: true }), optional: true, ...machineOf(name) } as LockedPackage;
    added.push(`${name}@${version}`);
  }
}
if (added.length > 0) {
  const [own, ...rest] = Object.entries(packages);
  rest.sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(own === undefined ? rest : [own, ...rest]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(
  added.length === 0
    ? "package-lock.json names every platform."
    : `Added to package-lock.json:\n  ${added.join("\n  ")}`,
);
