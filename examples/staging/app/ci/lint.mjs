// CI's lint: every source must parse.
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";

for (const file of globSync("{services,ci}/**/*.mjs")) {
  execFileSync(process.execPath, ["--check", file], { stdio: "inherit" });
}
