/**
 * What the process target remembers, one file per instance under its root. A record is written before its process is
 * started (the intent, with a token that the process carries in its environment) and again with the process once it
 * runs: whoever finds an intent looks for the token before starting anything.
 *
 *     fence.json   instances/<component>/<revision>-<i>.json   logs/<component>/<revision>-<i>.log   lock/
 */
import { createHash, randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RunSpec } from "../../ports/target.ts";
import { readJson, writeDurably } from "../durable-file.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import { pathPart } from "../safe-name.ts";

export interface InstanceRecord {
  /** The value of SLUICE_INSTANCE: `<root's hash>/<component>/<revision>/<i>/<random>`. */
  readonly token: string;
  readonly component: string;
  readonly revision: string;
  readonly version: string;
  readonly index: number;
  readonly artifactDigest: string;
  readonly artifactLocation: string;
  readonly port: number;
  readonly stopTimeoutMs: number;
  readonly startedAtMs: number;
  /** Where in the log this start begins. */
  readonly logOffsetBytes: number;
  readonly stopRequested: boolean;
  /** Absent while it is only intended. */
  readonly process?: ProcessIdentity;
}

export const tokenVariable = "SLUICE_INSTANCE";

export function instanceRecords(root: string) {
  const rootHash = createHash("sha256").update(root).digest("hex").slice(0, 12);
  const componentFolder = (component: string) => join(root, "instances", pathPart(component, "component"));
  const fileOf = (component: string, revision: string, index: number) =>
    join(componentFolder(component), `${pathPart(revision, "revision")}-${index}.json`);
  const logFile = (component: string, revision: string, index: number) =>
    join(root, "logs", pathPart(component, "component"), `${pathPart(revision, "revision")}-${index}.log`);

  async function ofComponent(component: string): Promise<readonly InstanceRecord[]> {
    const folder = componentFolder(component);
    const files = (await namesIn(folder)).filter((name) => name.endsWith(".json"));
    const records = await Promise.all(files.map((name) => readJson<InstanceRecord>(join(folder, name))));
    return records.filter((record) => record !== undefined).toSorted((a, b) => a.index - b.index);
  }

  return {
    logFile,
    file: fileOf,
    /** All tokens of a revision begin so. */
    tokenPrefix: (component: string, revision: string) => `${rootHash}/${component}/${revision}/`,
    newToken: (spec: RunSpec, index: number) =>
      `${rootHash}/${spec.component}/${spec.revision}/${index}/${randomBytes(6).toString("hex")}`,
    read: (component: string, revision: string, index: number) =>
      readJson<InstanceRecord>(fileOf(component, revision, index)),
    write: (record: InstanceRecord) =>
      writeDurably(fileOf(record.component, record.revision, record.index), `${JSON.stringify(record, null, 2)}\n`),
    async ofRevision(component: string, revision: string): Promise<readonly InstanceRecord[]> {
      pathPart(revision, "revision");
      return (await ofComponent(component)).filter((record) => record.revision === revision);
    },
    async all(): Promise<readonly InstanceRecord[]> {
      const components = await namesIn(join(root, "instances"));
      return (await Promise.all(components.map(ofComponent))).flat();
    },
    async remove(record: InstanceRecord): Promise<void> {
      const file = fileOf(record.component, record.revision, record.index);
      await rm(logFile(record.component, record.revision, record.index), { force: true });
      await rm(file, { force: true });
    },
    async logsOf(component: string, revision: string): Promise<readonly string[]> {
      const folder = dirname(logFile(component, revision, 0));
      const ours = (name: string) =>
        name.startsWith(`${revision}-`) && /^\d+\.log$/.test(name.slice(revision.length + 1));
      return (await namesIn(folder))
        .filter(ours)
        .toSorted()
        .map((name) => join(folder, name));
    },
  };
}

export type InstanceRecords = ReturnType<typeof instanceRecords>;

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}
