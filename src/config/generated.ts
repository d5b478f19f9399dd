/** The files that are made from code and committed: written by scripts/generate.ts, compared by a test. */
import { configurationJsonSchema } from "./json-schema.ts";
import { checksPage, configurationPage } from "./reference.ts";

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export const generatedFiles = (): readonly GeneratedFile[] => [
  { path: "schema/sluice.schema.json", text: `${JSON.stringify(configurationJsonSchema(), null, 2)}\n` },
  { path: "docs/reference/configuration.md", text: configurationPage() },
  { path: "docs/reference/checks.md", text: checksPage() },
];
