/**
 * `node scripts/bundle-action.ts`: writes action/launcher.cjs, the one file that GitHub runs, from action/src. With `--check` it
 * only compares, and ends with 1 when they differ; test/action/launcher.test.ts compares them too.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

const action = join(import.meta.dirname, "../action");
const bundled = join(action, "launcher.cjs");

/** Readable, since people who pin it by its hash want to know what they pin. */
export async function launcherText(): Promise<string> {
  const build = await rolldown({
    input: join(action, "src/launch.ts"),
    platform: "node",
    cwd: join(action, ".."),
    treeshake: { propertyReadSideEffects: false },
  });
  const { output } = await build.generate({ format: "cjs", minify: false });
  await build.close();
  return `// Written from action/src by scripts/bundle-action.ts. It has no dependencies.\n${output[0].code}`;
}

if (import.meta.main) {
  const text = await launcherText();
  const isSame = existsSync(bundled) && readFileSync(bundled, "utf8") === text;
  if (!process.argv.includes("--check")) writeFileSync(bundled, text);
  else if (!isSame) {
    console.log("action/launcher.cjs differs from its source. Run: node scripts/bundle-action.ts");
    process.exitCode = 1;
  }
}
