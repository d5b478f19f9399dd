// The production build: every source must parse, the page is made smaller, and dist/build-info.json names what was
// built. The same sources give the same bytes: no times, no machine names.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";

const root = new URL("./", import.meta.url);
const run = promisify(execFile);

const sources = readdirSync(root, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => /\.(mjs|sql|html|css|js|json)$/.test(name) && !/^(dist|node_modules)\//.test(name))
  .sort();

async function check(name) {
  await run(process.execPath, ["--check", name], { cwd: root }).catch((error) => {
    throw new Error(`${name} does not parse:\n${error.stderr}`);
  });
}

/** Comments and indentation away; nothing clever, so nothing can break. */
function smaller(name, text) {
  const plain = name.endsWith(".css")
    ? text.replaceAll(/\/\*[\s\S]*?\*\//g, "")
    : text.replaceAll(/<!--[\s\S]*?-->/g, "");
  const lines = plain.split("\n").map((line) => line.trim());
  return `${lines.filter((line) => line !== "" && !line.startsWith("//")).join("\n")}\n`;
}

function build() {
  rmSync(new URL("dist/", root), { recursive: true, force: true });
  mkdirSync(new URL("dist/web/", root), { recursive: true });
  const hash = createHash("sha256");
  for (const name of sources) {
    const text = readFileSync(new URL(name, root), "utf8");
    hash.update(`${name}\0${text.length}\0${text}`);
    if (name.startsWith("web/")) writeFileSync(new URL(`dist/${name}`, root), smaller(name, text));
  }
  const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  const info = { name: "shop", version, files: sources.length, sourcesSha256: hash.digest("hex") };
  writeFileSync(new URL("dist/build-info.json", root), `${JSON.stringify(info, null, 2)}\n`);
  console.log(`built shop ${version} from ${sources.length} files, sources ${info.sourcesSha256.slice(0, 12)}`);
}

try {
  await Promise.all(sources.filter((name) => /\.m?js$/.test(name)).map(check));
  build();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
