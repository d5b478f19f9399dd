/**
 * One digest for a folder: the same content gives the same digest on every machine, and any changed byte, name, link or
 * executable bit gives another. Owners, times and other permission bits do not count, since copying changes them.
 *
 * Form, so that others can compute it: one line per entry, sorted by path (UTF-16 code units, `/` between parts):
 * `d <path>`, `l <path> -> <target>`, `f <x or -> <sha256 of the content> <path>`, each path and target as a JSON string.
 * The digest is the sha256 of those lines.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Files up to this size are read at once; larger ones are streamed. */
const streamAboveBytes = 1024 * 1024;
const filesAtOnce = 16;

/** `sha256:` and 64 hex digits. An entry that is no file, folder or link is an error: it cannot be copied. */
export async function treeDigest(folder: string, signal: AbortSignal): Promise<string> {
  const paths = (await pathsIn(folder, "", signal)).toSorted((a, b) => (a < b ? -1 : 1));
  const lines = new Array<string>(paths.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < paths.length; index = next++) {
      signal.throwIfAborted();
      lines[index] = await describe(folder, paths[index] ?? "");
    }
  };
  await Promise.all(Array.from({ length: filesAtOnce }, worker));
  const hash = createHash("sha256");
  for (const line of lines) hash.update(`${line}\n`);
  return `sha256:${hash.digest("hex")}`;
}

async function pathsIn(root: string, under: string, signal: AbortSignal): Promise<readonly string[]> {
  signal.throwIfAborted();
  const paths: string[] = [];
  for (const entry of await readdir(join(root, under), { withFileTypes: true })) {
    const path = under === "" ? entry.name : `${under}/${entry.name}`;
    paths.push(path);
    if (!entry.isDirectory()) continue;
    for (const inner of await pathsIn(root, path, signal)) paths.push(inner);
  }
  return paths;
}

async function describe(root: string, path: string): Promise<string> {
  const full = join(root, path);
  const facts = await lstat(full);
  const name = JSON.stringify(path);
  if (facts.isDirectory()) return `d ${name}`;
  if (facts.isSymbolicLink()) return `l ${name} -> ${JSON.stringify(await readlink(full))}`;
  if (!facts.isFile()) throw new Error(`${path} is neither a file, a folder nor a symbolic link`);
  const executable = (facts.mode & 0o100) === 0 ? "-" : "x";
  return `f ${executable} ${await contentDigest(full, facts.size)} ${name}`;
}

async function contentDigest(path: string, sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  if (sizeBytes <= streamAboveBytes) return hash.update(await readFile(path)).digest("hex");
  for await (const chunk of createReadStream(path, { highWaterMark: streamAboveBytes })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
