/**
 * The names of the declared environments and no more: `status` must answer at once, also at 3 a.m. with a configuration that
 * somebody is just editing. Everything else reads it in full.
 */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** Undefined where the file cannot be read as YAML or declares none. */
export function environmentNames(path: string): readonly string[] | undefined {
  try {
    const document = parse(readFileSync(path, "utf8"), { maxAliasCount: 100, logLevel: "silent" }) as {
      readonly environments?: object;
    } | null;
    const names = Object.keys(document?.environments ?? {});
    return names.length > 0 ? names : undefined;
  } catch {
    return undefined;
  }
}
