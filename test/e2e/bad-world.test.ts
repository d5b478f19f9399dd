/** A world that is not as it should be: secrets missing, a dirty tree, a port taken, a full disk, somebody else's target. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "./processes.ts";
import {
  type JsonLine,
  jsonLines,
  type TinyOptions,
  type TinyProject,
  textBelow,
  tinyProject,
  told,
} from "./project.ts";

let project: TinyProject;

const start = async (options: TinyOptions = {}): Promise<TinyProject> => {
  project = await tinyProject(options);
  return project;
};

afterEach(async () => {
  await project?.stop();
});

const last = (ran: Parameters<typeof jsonLines>[0]): JsonLine => jsonLines(ran).at(-1) ?? {};

describe("secrets", () => {
  test("F1 K1 a missing one refuses (3) by its name; the value of another is nowhere", {
    timeout: 120_000,
  }, async () => {
    const value = "hunter2-correct-horse";
    const { sluiceWith, processes, folder } = await start({
      load: 20,
      more: ["secrets: { TOKEN: { env: TINY_TOKEN }, OTHER: { env: TINY_OTHER } }"],
      component: ["environment: { TOKEN: { secret: TOKEN }, OTHER: { secret: OTHER } }"],
    });

    const ran = await sluiceWith({ TINY_TOKEN: value }, "deploy", "production", "v1.0.0", "--json");

    expect(ran.exitCode, told(ran)).toBe(3);
    expect(last(ran).failure?.message).toContain("OTHER");
    expect(`${ran.stdout}${ran.stderr}`).not.toContain(value);
    await project.settled();
    expect(textBelow(join(folder, ".sluice"))).not.toContain(value);
    expect(textBelow(join(folder, "deployment-logs"))).not.toContain(value);
    expect((await processes()).filter(({ kind }) => kind === "instance" || kind === "router")).toEqual([]);
  });
});

describe("the working tree", () => {
  test("F7 with uncommitted changes strict blocks (3), standard warns and goes on", { timeout: 120_000 }, async () => {
    const { sluice, folder } = await start({ environment: { checks: "{ ci: off, load: off, memory: off }" } });
    writeFileSync(join(folder, "scribble.txt"), "not committed\n");

    const warned = await sluice("deploy", "production", "v1.0.0");
    expect(warned.exitCode, told(warned)).toBe(0);
    expect(warned.stderr).toContain("scribble.txt");

    await project.configure({
      checks: "{ ci: off, load: off, memory: off, clean-tree: block }",
    });
    writeFileSync(join(folder, "scribble.txt"), "not committed either\n");
    const blocked = await sluice("deploy", "production", "v1.1.0");
    expect(blocked.exitCode, told(blocked)).toBe(3);
    expect(blocked.stderr).toContain("scribble.txt");
    expect((await project.ask())?.version).toBe("v1.0.0");
  });
});

describe("the router's port", () => {
  test("in use by another: named, nothing started", { timeout: 120_000 }, async () => {
    const { port, sluice, processes } = await start({ load: 20 });
    const other = createServer();
    await new Promise<void>((listening) => other.listen(port, "127.0.0.1", listening));
    try {
      const ran = await sluice("deploy", "production", "v1.0.0", "--json");

      expect(ran.exitCode, told(ran)).toBe(3);
      expect(last(ran).failure?.message).toContain(String(port));
      expect(last(ran).failure?.message).toContain("PORT_IN_USE");
      await project.settled();
      expect(await processes()).toEqual([]);
    } finally {
      other.close();
    }
  });
});

describe("a target that another ledger owns", () => {
  test("it is refused (7) naming the owner, until taken over with a reason", { timeout: 120_000 }, async () => {
    const { sluice, folder, stateFolder } = await start();
    const first = await sluice("deploy", "production", "v1.0.0", "--json");
    expect(first.exitCode, told(first)).toBe(0);
    const owner = last(first).deployment ?? "?";
    await project.settled();
    // The ledger is lost; what it deployed, and the router, are still there.
    const kept = join(folder, "data");
    mkdirSync(kept);
    for (const name of ["run", "router", "artifacts"]) renameSync(join(stateFolder, name), join(kept, name));
    rmSync(stateFolder, { recursive: true });
    mkdirSync(stateFolder);
    for (const name of ["run", "router", "artifacts"]) renameSync(join(kept, name), join(stateFolder, name));

    const refused = await sluice("deploy", "production", "v1.1.0", "--json");
    expect(refused.exitCode, told(refused)).toBe(7);
    expect(last(refused).failure?.code).toBe("LEDGER_FOREIGN");
    expect(last(refused).failure?.message).toContain(owner);
    expect((await project.ask())?.version).toBe("v1.0.0");

    const taken = await sluice("lock", "take-over", "production", "--reason", "the old ledger is lost");
    expect(taken.exitCode, told(taken)).toBe(0);
    const after = await sluice("deploy", "production", "v1.1.0", "--json");
    expect(after.exitCode, told(after)).toBe(0);
    expect((await project.ask())?.version).toBe("v1.1.0");
    expect(await project.instances()).toHaveLength(1);
  });
});

describe("two deployments at once", () => {
  test("L1 the second one is refused (7) and names the holder", { timeout: 120_000 }, async () => {
    // Long enough for the second one to begin, on a busy machine as well.
    const { sluice, start: begin } = await start({
      environment: {
        rollout:
          "{ steps: [{ percent: 100, bake: 8s }], checkEvery: 200ms, limits: { minRequests: 5 }, unattended: 10s, keepStable: 0s, verdict: { mode: off } }",
      },
    });
    const first = begin(["deploy", "production", "v1.0.0", "--json"]);
    const holder = await eventually("the first one holds the lock", async () => {
      const ran = await sluice("lock", "--json");
      return (last(ran) as { locks?: readonly { deploymentId: string }[] }).locks?.[0]?.deploymentId;
    });

    const second = await sluice("deploy", "production", "v1.1.0", "--json");

    expect(second.exitCode, told(second)).toBe(7);
    expect(last(second).failure?.message).toContain(holder);
    const ended = await first.ended;
    expect(ended.exitCode, told(ended)).toBe(0);
    expect((await project.ask())?.version).toBe("v1.0.0");
  });
});

const canMount = process.platform === "linux" && process.getuid?.() === 0;
if (!canMount) console.warn("skipped: a full disk needs root on Linux, to mount a small tmpfs");

describe.skipIf(!canMount)("a disk that is full", () => {
  const mounted: string[] = [];
  const smallDisk = (folder: string, size: string): void => {
    mkdirSync(folder, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0755`, "tmpfs", folder]);
    mounted.push(folder);
  };
  const release = (): void => {
    for (const folder of mounted.splice(0)) execFileSync("umount", ["-l", folder]);
  };

  test("for artifacts: a clear error, the stable version serves, the lock is free", { timeout: 120_000 }, async () => {
    const { sluice, folder } = await start();
    const first = await sluice("deploy", "production", "v1.0.0");
    expect(first.exitCode, told(first)).toBe(0);
    writeFileSync(join(folder, "large.bin"), Buffer.alloc(3_000_000, 7));
    writeFileSync(join(folder, "behaviour"), "healthy\n");
    await project.git("add", "large.bin", "behaviour");
    await project.git("commit", "--quiet", "--message", "A large file");
    await project.git("tag", "v3.0.0");
    const artifacts = join(project.stateFolder, "artifacts");
    const kept = readTree(artifacts);
    smallDisk(artifacts, "1m");
    kept(artifacts);
    try {
      const ran = await sluice("deploy", "production", "v3.0.0", "--json");

      expect(ran.exitCode, told(ran)).toBe(1);
      expect(last(ran).failure?.code).toBe("DISK_FULL");
      expect(last(ran).failure?.hint).toMatch(/df|space|disk/i);
      expect((await project.ask())?.version).toBe("v1.0.0");
    } finally {
      release();
    }
    const again = await sluice("deploy", "production", "v3.0.0");
    expect(again.exitCode, told(again)).toBe(0);
  });

  test("for records: the deployment still ends as it did, and says what could not be written", {
    timeout: 120_000,
  }, async () => {
    const { sluice, logsFolder } = await start();
    smallDisk(logsFolder, "16k");
    try {
      const ran = await sluice("deploy", "production", "v1.0.0", "--json");

      expect([0, 1], told(ran)).toContain(ran.exitCode);
      const locks = last(await sluice("lock", "--json")) as { readonly locks?: readonly unknown[] };
      expect(locks.locks).toEqual([]);
      if (ran.exitCode === 1) {
        expect(last(ran).failure?.code).toBe("DISK_FULL");
        expect(await project.instances(), "no half-started version is left").toEqual([]);
      }
    } finally {
      release();
    }
    const again = await sluice("deploy", "production", "v1.1.0");
    expect(again.exitCode, told(again)).toBe(0);
  });

  test("for the ledger itself: it is said at once, nothing is started", { timeout: 120_000 }, async () => {
    const { sluice, stateFolder } = await start({ load: 20 });
    smallDisk(stateFolder, "2m");
    chmodSync(stateFolder, 0o755);
    try {
      const ran = await sluice("deploy", "production", "v1.0.0", "--json");

      expect(ran.exitCode, told(ran)).toBe(1);
      expect(["DISK_FULL", "STATE_UNWRITABLE"], told(ran)).toContain(last(ran).error?.code);
      expect((await project.processes()).filter(({ kind }) => kind !== "postgres")).toEqual([]);
    } finally {
      release();
    }
  });
});

/** Everything below a folder, to be put back into another one: an empty file system is mounted over it. */
function readTree(folder: string): (into: string) => void {
  const packed = execFileSync("tar", ["-C", folder, "-cf", "-", "."], { maxBuffer: 50_000_000 });
  return (into) => {
    expect(existsSync(into)).toBe(true);
    execFileSync("tar", ["-C", into, "-xf", "-"], { input: packed });
  };
}
