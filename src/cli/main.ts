#!/usr/bin/env node
/** The command's entry: compiled code is kept between runs, then the words are read. */
import "./young-generation.ts";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// In the user's own folder: code from a shared one could be somebody else's. Where it cannot be written, nothing is kept.
enableCompileCache(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sluice", "compiled"));

const { run } = await import("./program.ts");
process.exitCode = await run(process.argv.slice(2));
