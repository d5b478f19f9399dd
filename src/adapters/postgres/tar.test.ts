/** B13: what was packed is unpacked by `tar`, and nothing but plain files comes out of what somebody else packed. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headerOf, tarOf, unpackTar } from "./tar.ts";

const files: Readonly<Record<string, Buffer>> = {
  "toc.dat": Buffer.alloc(1_300, "t"),
  "3401.dat.gz": Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251)),
  "empty.toc": Buffer.alloc(0),
  "block.dat": Buffer.alloc(512, 1),
};
const fault = (reason: string) => new Error(`damaged: ${reason}`);
const before = async () => undefined;

let folder: string;
let tar: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-tar-"));
  await mkdir(join(folder, "from"));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, "from", name), bytes);
  tar = await whole(tarOf(join(folder, "from")));
});
afterAll(() => rm(folder, { recursive: true }));

async function whole(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* cut(bytes: Buffer, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpacked(bytes: AsyncIterable<Uint8Array>) {
  const into = await mkdtemp(join(folder, "into-"));
  await unpackTar(bytes, into, { before, fault });
  return contentOf(into);
}

async function contentOf(path: string): Promise<Record<string, Buffer>> {
  const names = await readdir(path);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))])));
}

describe("B13 the files of an archive as one stream", () => {
  test("B13 the tool tar unpacks what was packed, and we unpack what it packs", async () => {
    await mkdir(join(folder, "by-tar"));
    await writeFile(join(folder, "ours.tar"), tar);
    execFileSync("tar", ["-x", "-f", join(folder, "ours.tar"), "-C", join(folder, "by-tar")]);
    const argv = ["-c", "--format=ustar", "-f", "-", "-C", join(folder, "from"), ...Object.keys(files)];
    const theirs = execFileSync("tar", argv);

    expect(await contentOf(join(folder, "by-tar"))).toEqual(files);
    expect(await unpacked(cut(theirs.subarray(0, endOf(theirs))))).toEqual(files);
  });

  test("B4 the same files make the same bytes, in the order of their names, and read the same however they are cut", async () => {
    expect((await whole(tarOf(join(folder, "from")))).equals(tar)).toBe(true);
    const listed = execFileSync("tar", ["-t"], { input: tar }).toString().trim().split("\n");
    expect(listed).toEqual(Object.keys(files).toSorted());
    for (const size of [1, 511, 512, 513, 70_000]) expect(await unpacked(cut(tar, size)), `by ${size}`).toEqual(files);
  });

  test("B1 the size of a table beyond 8 GB is one that tar reads", async () => {
    const large = 10_000_000_001;
    const input = Buffer.concat([headerOf("large.dat", large), Buffer.alloc(512)]);

    // It looks for the rest in vain; what it says of the first entry is what counts.
    const argv = ["-c", "tar -t -v -f - 2>/dev/null || true"];
    const listed = execFileSync("sh", argv, { input }).toString();

    expect(listed).toContain(String(large));
    const sizes: number[] = [];
    const seen = async (_name: string, size: number) => void sizes.push(size);
    await expect(unpackTar(cut(input), folder, { before: seen, fault })).rejects.toThrow("cut off");
    expect(sizes).toEqual([large]);
  });

  test("B3 wherever it is cut off, and whatever follows it, it is damaged", async () => {
    for (const length of [0, 100, 512, 700, 3_000, tar.length - 600, tar.length - 1]) {
      await expect(unpacked(cut(tar.subarray(0, length))), `${length} bytes`).rejects.toThrow("damaged: it is cut off");
    }
    await expect(unpacked(cut(Buffer.concat([tar, Buffer.from("x")])))).rejects.toThrow("something follows its end");
    const header = Buffer.from(tar);
    header.writeUInt8(header.readUInt8(3) ^ 1, 3);
    await expect(unpacked(cut(header))).rejects.toThrow("a header of it is damaged");
  });

  test("B7 links, folders and names that lead elsewhere are refused, and write nothing", async () => {
    const foreign = join(folder, "foreign");
    await mkdir(join(foreign, "deep"), { recursive: true });
    await writeFile(join(foreign, "deep", "file"), "x");
    await symlink("/etc/passwd", join(foreign, "link"));
    for (const argv of [["link"], ["deep"], ["deep/file"], ["-P", "../foreign/deep/file"]]) {
      const packed = execFileSync("tar", ["-c", "--format=ustar", "-f", "-", "-C", foreign, ...argv]);
      await expect(unpacked(cut(packed)), argv.join(" ")).rejects.toThrow("which is no plain file");
    }
    const twice = Buffer.concat([headerOf("one", 0), headerOf("one", 0), Buffer.alloc(1_024)]);
    await expect(unpacked(cut(twice))).rejects.toThrow("damaged: it holds one twice");
  });

  test("B7 what goes wrong at the source is told as it is", async () => {
    const broke = new Error("the store broke off");
    async function* breaking() {
      yield tar.subarray(0, 2_000);
      throw broke;
    }

    await expect(unpacked(breaking())).rejects.toBe(broke);
  });
});

/** GNU tar fills its last record with zeros, which we do not write. */
function endOf(bytes: Buffer): number {
  let end = bytes.length;
  while (bytes.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
  return end + 1_024;
}
