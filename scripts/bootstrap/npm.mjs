/** Running npm inside npm, quietly, under a Node of our choice, for a user who may not even have a home. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { cacheDir, SetupError, windows, writable } from "./places.mjs";
import { forwardSignals } from "./signals.mjs";

/**
 * `npm run` leaves its own settings in the environment, where a nested npm takes them for ours: which folder, which kinds of
 * packages, whether to write at all. Those go; registry, proxy, certificates and cache stay.
 */
export function environment() {
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
export async function runNpm(nodeBinary, words, cwd, env) {
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
