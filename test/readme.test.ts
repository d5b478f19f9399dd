/** What the front door shows is true. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfiguration } from "../src/config/load.ts";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const signers = ["alice", "bob", "carol"].map(
  (name) => `${name} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${name.padEnd(38, "A")}`,
);

test("W3 the configuration in the README is valid", () => {
  const text = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";

  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile: () => signers.join("\n") });

  expect(Object.keys(configuration.environments)).toEqual(["production"]);
});

test("the README has fewer than 100 lines, and every file it links to is there", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((hit) => hit[1] ?? "");

  expect(readme.split("\n").length).toBeLessThan(100);
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
