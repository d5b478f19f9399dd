/** `sluice init`: a commented, valid configuration for this folder, from what its package.json and git say. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { loadConfiguration } from "../../config/load.ts";
import { configurationTemplate, type TemplateComponent } from "../../config/template.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { Session } from "../session.ts";

export interface InitOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

interface Manifest {
  readonly name?: unknown;
  readonly main?: unknown;
  readonly scripts?: Readonly<Record<string, unknown>>;
}

const ignored = [".sluice/", "deployment-logs/"];

export async function initCommand(session: Session, { force, dryRun }: InitOptions): Promise<number> {
  const { output, projectFolder, configurationFile } = session;
  const path = resolve(projectFolder, configurationFile);
  const exists = existsSync(path);
  if (exists && !force && !dryRun) throw alreadyThere(configurationFile);
  const text = textFor(projectFolder);
  // What a person starts from must not be wrong: it is read back as any other before it is written.
  loadConfiguration({ file: configurationFile, text });
  const missing = missingIgnores(projectFolder);
  if (dryRun) {
    output.result({ dryRun: true, file: path, exists, text }, text.trimEnd());
    output.next(exists ? "sluice init --force" : "sluice init");
    return 0;
  }
  writeFileSync(path, text, { flag: force ? "w" : "wx" });
  if (missing.length > 0) appendFileSync(join(projectFolder, ".gitignore"), ignoreText(projectFolder, missing));
  const lines = [
    `wrote ${configurationFile}`,
    ...(missing.length > 0 ? [`added ${missing.join(" and ")} to .gitignore`] : []),
  ];
  output.result({ file: path, ignored: missing }, lines.join("\n"));
  if (!existsSync(join(projectFolder, ".git")))
    output.progress("This is no git repository yet, and a release is a tag in one: git init");
  output.next("sluice validate");
  return 0;
}

const alreadyThere = (file: string): SluiceError =>
  new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "cli.init",
    message: `${file} is there already; nothing was written.`,
    hint: "See what would be written: sluice init --dry-run · replace it: sluice init --force",
  });

function textFor(folder: string): string {
  const manifest = manifestOf(folder);
  const schema = "node_modules/sluice/schema/sluice.schema.json";
  return configurationTemplate({
    project: projectName(typeof manifest?.name === "string" ? manifest.name : basename(folder)),
    components: [componentOf(manifest)],
    ...(existsSync(join(folder, schema)) ? { schema } : {}),
  });
}

function manifestOf(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

/** A scope is dropped; what a name cannot hold becomes a dash. */
function projectName(text: string): string {
  const name = text
    .replace(/^@[^/]*\//, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^[^a-z]+|-+$/g, "")
    .slice(0, 40);
  return name === "" ? "project" : name;
}

function componentOf(manifest: Manifest | undefined): TemplateComponent {
  const scripts = manifest?.scripts ?? {};
  const main = typeof manifest?.main === "string" ? manifest.main : "server.js";
  return {
    name: "web",
    command: typeof scripts.start === "string" ? ["npm", "start"] : ["node", main],
    ...(typeof scripts.build === "string"
      ? {
          build: [
            ["npm", "ci"],
            ["npm", "run", "build"],
          ],
        }
      : {}),
    port: 8080,
  };
}

/** State and logs in the work tree would make it dirty, and pre-flight refuses a dirty one. */
function missingIgnores(folder: string): readonly string[] {
  if (!existsSync(join(folder, ".git"))) return [];
  const lines = ignoreFile(folder)
    .split("\n")
    .map((line) => line.trim().replace(/^\//, "").replace(/\/$/, ""));
  return ignored.filter((entry) => !lines.includes(entry.replace(/\/$/, "")));
}

const ignoreFile = (folder: string): string =>
  existsSync(join(folder, ".gitignore")) ? readFileSync(join(folder, ".gitignore"), "utf8") : "";

function ignoreText(folder: string, missing: readonly string[]): string {
  const before = ignoreFile(folder);
  return `${before === "" || before.endsWith("\n") ? "" : "\n"}${missing.join("\n")}\n`;
}
