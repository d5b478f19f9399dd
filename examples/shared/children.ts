/**
 * An example's child processes, and the promise that none is left behind: not after its end, an error or Ctrl-C, and, by
 * a small keeper process that notices when the example itself is gone, not after SIGKILL either.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface ChildKeeper {
  /** Ends `pid` with `signal` when this process dies, with SIGKILL five seconds later. */
  watch(pid: number, signal: NodeJS.Signals): void;
  /** Ends everything that an example in `folder` left running (processes.ts) when this process dies. */
  sweep(folder: string): void;
  /** It ended, or is meant to outlive us. */
  forget(pid: number): void;
  /** Ends the keeper, and by it whatever is still watched. */
  close(): Promise<void>;
}

export interface ChildOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Every line the child prints, on either stream. */
  readonly onLine?: (line: string) => void;
}

export interface Children {
  readonly keeper: ChildKeeper;
  /** Starts `node …argv`; it ends with us. Its environment is exactly the one given, and PATH. */
  startNode(argv: readonly string[], options: ChildOptions): ChildProcess;
  /** Has something ended when we end: a database, a worker's pid. Last added, first ended. */
  atEnd(what: string, end: () => Promise<void>): void;
  /** Ends everything, newest first; every end is tried, also after one that failed. Calling it again waits for the first. */
  endAll(): Promise<void>;
}

/**
 * Runs `work` and then ends every child, whatever happens: its return, its error, Ctrl-C or SIGTERM. On a signal the
 * process exits with 130 or 143 after the children are gone; a second signal does not wait.
 */
export async function withChildren<Result>(work: (children: Children) => Promise<Result>): Promise<Result> {
  const children = startChildren();
  const interrupted = (signal: NodeJS.Signals) => {
    const exitCode = signal === "SIGINT" ? 130 : 143;
    process.once(signal, () => process.exit(exitCode));
    void children.endAll().finally(() => process.exit(exitCode));
  };
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return await work(children);
  } finally {
    await children.endAll();
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
  }
}

function startChildren(): Children {
  const keeper = startKeeper();
  const ends: { readonly what: string; readonly end: () => Promise<void> }[] = [];
  let ending: Promise<void> | undefined;

  const atEnd = (what: string, end: () => Promise<void>) => {
    ends.push({ what, end });
  };

  const startNode = (argv: readonly string[], options: ChildOptions) => {
    if (ending !== undefined) throw new Error("The example is ending; nothing can be started.");
    const child = spawnNode(argv, options);
    const { pid } = child;
    if (pid !== undefined) {
      keeper.watch(pid, "SIGTERM");
      child.once("exit", () => keeper.forget(pid));
    }
    atEnd(argv.join(" "), () => stopChild(child, "SIGTERM", 6_000));
    return child;
  };

  const endEach = async () => {
    for (const { what, end } of ends.toReversed()) {
      await end().catch((error: unknown) => console.error(`${what} did not end: ${error}`));
    }
    await keeper.close();
  };

  const endAll = () => {
    ending ??= endEach();
    return ending;
  };
  return { keeper, startNode, atEnd, endAll };
}

function spawnNode(argv: readonly string[], { environment, folder, onLine }: ChildOptions): ChildProcess {
  const output = onLine === undefined ? "ignore" : "pipe";
  const child = spawn(process.execPath, argv, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", ...environment },
    stdio: ["ignore", output, output],
    // A group of its own, so that Ctrl-C reaches only us and the order of ending stays ours.
    detached: true,
  });
  child.on("error", () => undefined);
  if (onLine === undefined) return child;
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on("line", onLine);
  return child;
}

/** Asks with `signal`, waits, then kills; returns when the process is gone. One that has ended already is fine. */
export async function stopChild(child: ChildProcess, signal: NodeJS.Signals, waitMs: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  const limit = setTimeout(() => child.kill("SIGKILL"), waitMs);
  await gone;
  clearTimeout(limit);
}

/** The keeper reads `watch <pid> <signal>` and `forget <pid>`; the end of its input is the end of us. */
export function startKeeper(): ChildKeeper {
  const child = spawn(process.execPath, [join(import.meta.dirname, "child-keeper.ts")], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const gone = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
  child.stdin.on("error", () => undefined);
  return {
    watch: (pid, signal) => child.stdin.write(`watch ${pid} ${signal}\n`),
    sweep: (folder) => child.stdin.write(`sweep ${folder}\n`),
    forget: (pid) => child.stdin.write(`forget ${pid}\n`),
    close: async () => {
      child.stdin.end();
      await gone;
    },
  };
}
