/**
 * A real Ceph RADOS Gateway of a test's own: one monitor, one store in memory, one gateway, all on loopback without cephx, in a
 * folder of their own. It is up in about thirteen seconds, most of which the gateway takes to make its pools.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { closedPort } from "../../src/testing/local-servers.ts";
import { until } from "../../src/testing/real-clock.ts";

export interface StoreUser {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface TestCeph extends AsyncDisposable {
  readonly port: number;
  readonly endpoint: string;
  /** May use so many bytes in all; without it as many as there are. */
  newUser(name: string, quotaBytes?: number): Promise<StoreUser>;
}

const programs = ["ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"] as const;

/** Undefined where every part is installed. */
export function missingOfCeph(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"];
  const missing = programs.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  return missing.length === 0
    ? undefined
    : `${missing.join(", ")} not installed (apt-get install ceph-mon ceph-osd radosgw)`;
}

const run = promisify(execFile);

export async function startCeph(): Promise<TestCeph> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-ceph-"));
  const running: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of running.toReversed()) await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await start(folder, running);
    return {
      port,
      endpoint: `http://127.0.0.1:${port}`,
      newUser: (name, quotaBytes) => newUser(folder, name, quotaBytes),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    const said = await readFile(join(folder, "client.gateway.log"), "utf8").catch(() => "");
    await stop();
    throw new Error(`Ceph did not start: ${said.slice(-2000)}`, { cause: error });
  }
}

async function start(folder: string, running: ChildProcess[]): Promise<number> {
  const [monitorPort, port] = [await closedPort(), await closedPort()];
  const [cluster, store] = [randomUUID(), randomUUID()];
  const address = `[v2:127.0.0.1:${monitorPort}/0]`;
  await writeFile(join(folder, "ceph.conf"), configuration(folder, cluster, address, port));
  await writeFile(join(folder, "keyring"), "");
  for (const name of ["monitor", "store", "gateway"]) await mkdir(join(folder, name));
  const daemon = (program: string, ...argv: readonly string[]) =>
    running.push(spawnUntilWeEnd(folder, [program, "-c", "ceph.conf", "-f", ...argv, ...asRoot]));

  await run("monmaptool", ["--create", "--fsid", cluster, "--addv", "a", address, "monmap"], { cwd: folder });
  await ask(folder, "ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", ...asRoot);
  daemon("ceph-mon", "-i", "a");
  await ask(folder, "ceph", "--connect-timeout", "30", "osd", "new", store);
  await ask(folder, "ceph", "osd", "crush", "add", "osd.0", "1", "root=default");
  await ask(folder, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store, ...asRoot);
  daemon("ceph-osd", "-i", "0");
  daemon("radosgw", "-n", "client.gateway");
  await until(() => answers(port), "the gateway answers", 60_000);
  return port;
}

/** As root the daemons would otherwise become the user `ceph`, who may not write into our folder. */
const asRoot: readonly string[] = process.getuid?.() === 0 ? ["--setuser", "root", "--setgroup", "root"] : [];

const ask = async (folder: string, program: string, ...argv: readonly string[]): Promise<string> => {
  const { stdout } = await run(program, ["-c", "ceph.conf", ...argv], { cwd: folder, timeout: 40_000 });
  return stdout;
};

/** With `setpriv` the kernel ends it with us, also when we are killed. */
function spawnUntilWeEnd(folder: string, argv: readonly string[]): ChildProcess {
  const bound = existsSync("/usr/bin/setpriv") ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", ...argv] : argv;
  const [program = "", ...rest] = bound;
  return spawn(program, rest, { cwd: folder, stdio: "ignore" });
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/`).then(
    async (answer) => (await answer.text()) !== "" && answer.ok,
    () => false,
  );

/** What is stored is in the memory of its process: nothing is worth a slow end. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function newUser(folder: string, name: string, quotaBytes?: number): Promise<StoreUser> {
  const admin = (...argv: readonly string[]) => ask(folder, "radosgw-admin", ...argv, `--uid=${name}`);
  const [accessKey, secretKey] = [`key-of-${name}`, `s3cret+of/${name}`];
  await admin("user", "create", `--display-name=${name}`, `--access-key=${accessKey}`, `--secret-key=${secretKey}`);
  if (quotaBytes !== undefined) {
    await admin("quota", "set", "--quota-scope=user", `--max-size=${quotaBytes}`);
    await admin("quota", "enable", "--quota-scope=user");
  }
  return { accessKey, secretKey };
}

const configuration = (folder: string, cluster: string, address: string, port: number): string =>
  Object.entries({
    fsid: cluster,
    mon_host: address,
    mon_initial_members: "a",
    public_addr: "127.0.0.1",
    cluster_addr: "127.0.0.1",
    ms_bind_msgr1: false,
    auth_cluster_required: "none",
    auth_service_required: "none",
    auth_client_required: "none",
    // Without cephx there is no key to encrypt with; with the default, `secure`, the gateway waits for ever.
    ...Object.fromEntries(
      ["mon_client", "mon_service", "mon_cluster", "client", "service", "cluster"].map((who) => [
        `ms_${who}_mode`,
        "crc",
      ]),
    ),
    osd_objectstore: "memstore",
    memstore_device_bytes: 2 ** 31,
    osd_pool_default_size: 1,
    osd_pool_default_min_size: 1,
    osd_pool_default_pg_num: 1,
    osd_pool_default_pgp_num: 1,
    osd_pool_default_pg_autoscale_mode: "off",
    osd_crush_chooseleaf_type: 0,
    osd_crush_update_on_start: false,
    mon_allow_pool_size_one: true,
    mon_data: join(folder, "monitor"),
    osd_data: join(folder, "store"),
    rgw_data: join(folder, "gateway"),
    rgw_frontends: `beast endpoint=127.0.0.1:${port}`,
    keyring: join(folder, "keyring"),
    run_dir: folder,
    admin_socket: join(folder, "$name.asok"),
    log_file: join(folder, "$name.log"),
    mon_cluster_log_file: join(folder, "cluster.log"),
  }).reduce((text, [key, value]) => `${text}${key} = ${value}\n`, "[global]\n");
