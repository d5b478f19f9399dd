/** One set-up at a time in a checkout: a lock file that dies with its holder. */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { cacheDir, say } from "./places.mjs";

const lockFile = join(cacheDir, "bootstrap.lock");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

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

export async function alone(work) {
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
