/** The locked packages: whether they are here, and getting them. A stamp in node_modules holds the lock file's digest. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { runNpm } from "./npm.mjs";
import { root, say, seconds } from "./places.mjs";

const packageLock = join(root, "package-lock.json");
const stampFile = join(root, "node_modules", ".sluice-bootstrap");

const lockDigest = () =>
  createHash("sha256")
    .update(`${process.platform} ${process.arch}\n`)
    .update(fs.readFileSync(packageLock))
    .digest("hex");

export function stampMatches() {
  try {
    return fs.readFileSync(stampFile, "utf8").trim() === lockDigest();
  } catch {
    return false;
  }
}

/** npm keeps its own note of what it installed. When that agrees with the lock file, somebody ran npm already. */
function installedByHand() {
  let here;
  try {
    here = JSON.parse(fs.readFileSync(join(root, "node_modules", ".package-lock.json"), "utf8")).packages;
  } catch {
    return false;
  }
  const { "": _root, ...wanted } = JSON.parse(fs.readFileSync(packageLock, "utf8")).packages;
  const complete = Object.entries(wanted).every(([path, entry]) => {
    const found = here[path];
    if (found === undefined) return mayBeAbsent(entry);
    return (
      found.version === entry.version && (found.integrity ?? entry.integrity) === (entry.integrity ?? found.integrity)
    );
  });
  return complete && Object.keys(here).every((path) => wanted[path] !== undefined);
}

/** npm leaves out optional packages of other machines, what only those need, and the twin for the other C library. */
function mayBeAbsent(entry) {
  const admits = (list, own) => list === undefined || list.includes(own);
  const madeForThisMachine =
    (entry.os ?? entry.cpu) !== undefined && admits(entry.os, process.platform) && admits(entry.cpu, process.arch);
  return entry.link === true || (entry.optional === true && (!madeForThisMachine || entry.libc !== undefined));
}

/** True when npm was run by hand; leaves a stamp, so that the next start is quick. */
export function adoptInstalled() {
  if (!installedByHand()) return false;
  try {
    fs.writeFileSync(stampFile, `${lockDigest()}\n`);
  } catch {
    // Not ours to write: it is complete all the same, and the next start looks again.
  }
  return true;
}

export async function installPackages(nodeBinary, env) {
  const started = Date.now();
  const count = Object.keys(JSON.parse(fs.readFileSync(packageLock, "utf8")).packages).length - 1;
  say(`installing the locked packages (up to ${count}, without install scripts) …`);
  const digest = lockDigest();
  await runNpm(nodeBinary, ["ci"], root, env);
  fs.mkdirSync(dirname(stampFile), { recursive: true });
  fs.writeFileSync(stampFile, `${digest}\n`);
  say(`packages are here (${seconds(started)})`);
}
