/** B7 Z1: what a swap of files may leave at each point at which its process dies, made by hand, and what becomes of it. */
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { settleFiles, unfinishedPrefix } from "./swap.ts";

let folder: string;
let live: string;
let restored: string;
let kept: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice swap-"));
  [live, restored, kept] = ["shop", "shop_restored", "shop_before"].map((name) => join(folder, `${name}.sqlite`)) as [
    string,
    string,
    string,
  ];
  await writeFile(live, "live");
});
afterEach(() => rm(folder, { recursive: true }));

const settle = () => settleFiles({ name: "shop", file: live }, restored, kept);

async function contents(): Promise<Record<string, string>> {
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
}

test("B7 killed while it restored: what had no name yet is removed", async () => {
  await mkdir(`${unfinishedPrefix(restored)}abc`);
  await writeFile(join(`${unfinishedPrefix(restored)}abc`, "restored.sqlite"), "half");

  expect(await settle()).toBe("nothing");
  expect(await contents()).toEqual({ "shop.sqlite": "live" });
});

test("B7 killed before the live one got its second name: the copy is removed", async () => {
  await writeFile(restored, "copy");

  expect(await settle()).toBe("nothing");
  expect(await contents()).toEqual({ "shop.sqlite": "live" });
});

test("B7 killed between the second name and the rename: the live one keeps one name, and the copy is removed", async () => {
  await writeFile(restored, "copy");
  await link(live, kept);

  expect(await settle()).toBe("nothing");
  expect(await contents()).toEqual({ "shop.sqlite": "live" });
});

test("B7 killed after the rename: it had happened, as often as one asks", async () => {
  await writeFile(restored, "copy");
  await link(live, kept);
  await rename(restored, live);

  expect([await settle(), await settle()]).toEqual(["swapped", "swapped"]);
  expect(await contents()).toEqual({ "shop.sqlite": "copy", "shop_before.sqlite": "live" });
});

test("B7 another file under the name of the kept one is nothing that may be removed", async () => {
  await writeFile(restored, "copy");
  await writeFile(kept, "somebody else's");

  await expect(settle()).rejects.toMatchObject({
    failure: { code: "RESTORE_FAILED", hint: expect.stringContaining(`rm '${restored}'`) },
  });
  expect(Object.keys(await contents())).toHaveLength(3);
});
