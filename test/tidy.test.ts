/**
 * The rules of the house, enforced: a rule no machine enforces is a wish. Sources are read as text with comments blanked out, which
 * is robust for imports and names; the length and complexity of functions, enums and floating promises are Biome's (biome.json).
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join, posix } from "node:path";
import { expect, test } from "vitest";
import { errorCodes } from "../src/domain/error-codes.ts";

/** Which rooms a room may import from, besides itself (architecture.md, "Rooms, and who may enter"). */
const rooms: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ports: ["domain"],
  config: ["domain"],
  pipeline: ["domain", "ports"],
  engine: ["domain", "ports"],
  adapters: ["domain", "ports"],
  testing: ["domain", "ports"],
  app: ["domain", "ports", "config", "pipeline", "engine", "adapters", "testing"],
  cli: ["app", "config", "domain"],
  server: ["app", "domain"],
};

/** Where time, the environment and the network may be touched directly: these rooms, a child process's own entry, and the list. */
const worldlyRooms = ["app", "cli", "engine", "server"];
const worldlyFiles = ["src/testing/real-clock.ts"];
const worldly =
  /\bDate\.now\b|\bnew Date\(\)|\bprocess\.env\b|(?<![.\w])(?:setTimeout|setInterval|fetch)\(|"node:timers/;

const root = join(import.meta.dirname, "..");
const listed = execFileSync(
  "git",
  ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  {
    cwd: root,
    encoding: "utf8",
  },
);
const files = listed.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
/** Block comments and whole-line comments are blanked; a `//` inside a line may belong to a URL and stays. */
const codeOf = (path: string): string =>
  textOf(path)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");

const scripts = files.filter(
  (path) => /^(src|test|scripts|bench|examples|action)\/.*\.(ts|mjs)$/.test(path) && !path.includes("/fixtures/"),
);
const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.startsWith("test/");
const sources = scripts.filter((path) => path.startsWith("src/") && path.endsWith(".ts") && !isTest(path));
const importPattern = /(?:\bfrom|^\s*import|\bimport\()\s*"([^"]+)"/gm;
const importsOf = new Map(
  sources.map((path) => [path, [...codeOf(path).matchAll(importPattern)].map((hit) => hit[1] ?? "")]),
);
const targetOf = (path: string, specifier: string): string => posix.join(posix.dirname(path), specifier);

/** `src/adapters/<name>/x.ts` lives in the house of `<name>`; files directly in `src/adapters/` are common ground. */
const adapterOf = (path: string): string | undefined => /^src\/adapters\/([^/]+)\//.exec(path)?.[1];

function trespass(path: string, specifier: string): boolean {
  const room = path.split("/")[1] ?? "";
  if (!specifier.startsWith(".")) return room === "domain" && specifier !== "semver";
  const target = targetOf(path, specifier);
  const targetRoom = target.split("/")[1] ?? "";
  if (!target.startsWith("src/") || !target.endsWith(".ts")) return true;
  if (room !== targetRoom) return !(rooms[room] ?? []).includes(targetRoom);
  return room === "adapters" && adapterOf(target) !== undefined && adapterOf(target) !== adapterOf(path);
}

test("every import keeps to the rooms its own room may enter", () => {
  const homeless = sources.filter((path) => rooms[path.split("/")[1] ?? ""] === undefined);
  const trespasses = [...importsOf].flatMap(([path, list]) =>
    list.filter((specifier) => trespass(path, specifier)).map((specifier) => `${path} imports ${specifier}`),
  );

  expect(homeless, "files outside every known room").toEqual([]);
  expect(trespasses).toEqual([]);
});

/** Depth first; `done` files lead into no cycle that was not found already. */
function cyclesFrom(path: string, trail: readonly string[], done: Set<string>): readonly string[] {
  if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(" → ")];
  if (done.has(path)) return [];
  const relative = (importsOf.get(path) ?? []).filter((specifier) => specifier.startsWith("."));
  const found = relative.flatMap((specifier) => cyclesFrom(targetOf(path, specifier), [...trail, path], done));
  done.add(path);
  return found;
}

test("no import leads back to the file it came from", () => {
  const done = new Set<string>();

  expect(sources.flatMap((path) => cyclesFrom(path, [], done))).toEqual([]);
});

test("a source file has at most 300 lines, so that it has one subject", () => {
  const tooLong = scripts
    .filter((path) => !isTest(path))
    .map((path) => ({ path, lines: textOf(path).trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > 300);

  expect(tooLong).toEqual([]);
});

test("file names are kebab-case and say what is inside", () => {
  const misnamed = scripts.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.(ts|mjs)$/.test(basename(path)));
  const vague = sources.filter((path) => /(^|[-/])(utils?|helpers?|manager|misc|common)(\.ts|\/|-)/.test(path));

  expect(misnamed).toEqual([]);
  expect(vague).toEqual([]);
});

test("nothing in src has a default export", () => {
  expect(sources.filter((path) => /^export default\b|\bas default\b/m.test(codeOf(path)))).toEqual([]);
});

test("time, the environment and the network enter only where parts are put together", () => {
  const isChildEntry = (path: string): boolean => /(^|[/-])process\.ts$/.test(path);
  const touching = sources
    .filter((path) => !worldlyRooms.includes(path.split("/")[1] ?? ""))
    .filter((path) => !isChildEntry(path) && !worldlyFiles.includes(path))
    .flatMap((path) =>
      codeOf(path)
        .split("\n")
        .filter((line) => worldly.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );

  expect(touching).toEqual([]);
});

test("no tracked file names a folder of somebody's machine or a package registry's host", () => {
  const machinePath =
    /(?<![\w.:/-])\/(?:work|root|Users|home\/(?!(?:app|deploy|runner|node|sluice)\b)\w+|opt\/n\d+)\/[\w.-]/;
  const registryHost = new RegExp(["registry", "npmjs|yarnpkg"].join("\\.(?:").concat(")\\.(?:org|com)"));
  const naming = files
    .filter((path) => /\.(ts|mjs|js|tsx|json|ya?ml|md|sh|html|css|npmrc)$|^\.ci\/run$/.test(path))
    .filter((path) => machinePath.test(textOf(path)) || registryHost.test(textOf(path)));

  expect(naming).toEqual([]);
});

test("every error code has a heading in docs/errors.md", () => {
  const headings = new Set([...textOf("docs/errors.md").matchAll(/^#+\s+`?([A-Z][A-Z_]+)`?/gm)].map((hit) => hit[1]));

  expect(errorCodes.filter((code) => !headings.has(code))).toEqual([]);
  expect([...headings].filter((heading) => !(errorCodes as readonly string[]).includes(heading ?? ""))).toEqual([]);
});

test("Z5 every planted bug still fits the code that it breaks", () => {
  const applies = (patch: string): boolean => {
    try {
      execFileSync("git", ["apply", "--check", patch], { cwd: root, stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };
  const patches = files.filter((path) => /^test\/planted\/.*\.patch$/.test(path));

  expect(patches.length).toBeGreaterThan(40);
  expect(patches.filter((patch) => !applies(patch))).toEqual([]);
});

test("every dependency is pinned to one exact version, and the lock file names every platform", () => {
  const kinds = ["dependencies", "devDependencies", "optionalDependencies"];
  const manifest: Record<string, Record<string, string>> = JSON.parse(textOf("package.json"));
  const ranged = kinds
    .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
  const locked: Record<string, { optionalDependencies?: Record<string, string> }> = JSON.parse(
    textOf("package-lock.json"),
  ).packages;
  const optional = Object.values(locked).flatMap((entry) => Object.entries(entry.optionalDependencies ?? {}));
  const exact = optional.filter(([, version]) => /^\d+\.\d+\.\d+/.test(version)).map(([name]) => name);

  expect(ranged).toEqual([]);
  expect(
    exact.filter((name) => locked[`node_modules/${name}`] === undefined),
    "run: node scripts/bootstrap.mjs scripts/complete-lock.ts",
  ).toEqual([]);
});
