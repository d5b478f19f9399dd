/**
 * The door of the repository: `node scripts/bootstrap.mjs <entry.ts> [arguments…]`, plain JavaScript for Node 20 and newer.
 *
 * The code runs as `.ts` on Node 24. This file finds such a Node (the running one, one fetched before, one on PATH) or has npm
 * fetch one, installs the locked packages when the lock file asks for it, and hands over: same terminal, same signals, same exit
 * code. When there is nothing to do it says nothing. What it writes: `node_modules/` and `.cache/`.
 */
import { spawn } from "node:child_process";
import { delimiter, dirname, join, resolve } from "node:path";
import { alone } from "./bootstrap/alone.mjs";
import { fetchNode, findNode } from "./bootstrap/node.mjs";
import { environment } from "./bootstrap/npm.mjs";
import { adoptInstalled, installPackages, stampMatches } from "./bootstrap/packages.mjs";
import { cacheDir, root, SetupError, say, writable } from "./bootstrap/places.mjs";
import { forwardSignals } from "./bootstrap/signals.mjs";

function refuseUnwritable() {
  const blocked = [root, cacheDir, join(root, "node_modules")].find((path) => !writable(path));
  if (blocked === undefined) return;
  const who = process.getuid === undefined ? "this user" : `this user (uid ${process.getuid()})`;
  throw new SetupError(`${blocked} is not writable for ${who}, and packages must be installed here first.
  Run it once as the owner of the checkout, or clone the repository to a folder of your own: git clone ${root} <folder>`);
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
