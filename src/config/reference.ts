/** The reference pages, made from the schema and the tables, so that they cannot say anything else than the code does. */
import { checkNames, checkTable, strictnessLevels } from "../domain/checks.ts";
import { smokeSuites } from "../domain/settings.ts";
import { smokeTable } from "../domain/smoke.ts";
import { configurationJsonSchema, defaultsAt, type JsonSchema } from "./json-schema.ts";
import { durationPattern, sizePattern } from "./text-forms.ts";

export interface KeyRow {
  /** `environments.<name>.rollout.steps[].percent` */
  readonly path: string;
  readonly type: string;
  readonly default: string;
  readonly description: string;
  readonly example: string;
  /** Holds further keys. */
  readonly section: boolean;
}

/** Every key of sluice.yaml, in the order of the schema. */
export function keyRows(): readonly KeyRow[] {
  const schema = configurationJsonSchema();
  const environment = schema.definitions?.environment ?? {};
  const inEnvironments = Object.entries(environment.properties ?? {}).flatMap(([name, inner]) =>
    rowsOf(inner, `environments.<name>.${name}`, undefined, [name]),
  );
  const atTop = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const isEnvironments = name === "defaults" || name === "environments";
    return rowsOf(isEnvironments ? shallow(inner) : inner, name, schema.required?.includes(name));
  });
  return [...atTop, ...inEnvironments];
}

const shallow = ({ description, type }: JsonSchema): JsonSchema => ({
  type: type ?? "object",
  ...(description !== undefined && { description }),
});

function rowsOf(
  schema: JsonSchema,
  path: string,
  required?: boolean,
  inEnvironment?: readonly string[],
): readonly KeyRow[] {
  const inner = innerRows(schema, path, inEnvironment);
  const own: KeyRow = {
    path,
    type: typeText(schema),
    default: defaultText(schema, required, inner.length > 0, inEnvironment),
    description: (schema.description ?? "").replace(/ Default by policy: .*$/, ""),
    example: schema.examples?.[0] === undefined ? "" : flow(schema.examples[0]),
    section: inner.length > 0,
  };
  return [own, ...inner];
}

function innerRows(schema: JsonSchema, path: string, inEnvironment?: readonly string[]): readonly KeyRow[] {
  if (schema.properties) return propertyRows(schema, path, inEnvironment);
  if (schema.oneOf) return elementRows(schema, path);
  if (schema.items) return elementRows(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === "object")
    return elementRows(schema.additionalProperties, `${path}.<name>`);
  return [];
}

const propertyRows = (schema: JsonSchema, path: string, inEnvironment?: readonly string[]): readonly KeyRow[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const required = schema.required?.includes(name) ?? false;
    const deeper = inEnvironment && [...inEnvironment, name];
    return rowsOf(inner, `${path}.${name}`, deeper ? undefined : required, deeper);
  });

/** Entries of a list or mapping: their keys, and those of each kind. */
function elementRows(schema: JsonSchema, path: string): readonly KeyRow[] {
  if (schema.properties) return propertyRows(schema, path);
  return (schema.oneOf ?? []).flatMap((option) => {
    const kind = option.properties?.kind?.const;
    return propertyRows(option, `${path} (${String(kind)})`);
  });
}

function defaultText(
  schema: JsonSchema,
  required: boolean | undefined,
  section: boolean,
  inEnvironment?: readonly string[],
): string {
  if (required) return "required";
  const values = inEnvironment && !schema.properties ? defaultsAt(inEnvironment) : undefined;
  if (values?.size === 1) return code(flow([...values.values()][0]?.value));
  if (values)
    return [...values.values()].map(({ value, policies }) => `${policies.join(", ")}: ${code(flow(value))}`).join("; ");
  if (section && schema.properties) return "";
  return schema.default === undefined ? "" : code(flow(schema.default));
}

const scalarTypes: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "true or false",
  number: "number",
  integer: "whole number",
  object: "mapping",
};

function typeText(schema: JsonSchema): string {
  const { anyOf, items, type } = schema;
  if (anyOf)
    return anyOf.map((one) => (one.properties?.secret ? code("{ secret: NAME }") : typeText(one))).join(" or ");
  if (type === "array") return `list of ${items?.oneOf || items?.properties ? "mappings" : typeText(items ?? {})}`;
  return choiceText(schema) ?? textTypes.get(schema.pattern) ?? scalarText(schema);
}

function choiceText({ const: only, enum: options }: JsonSchema): string | undefined {
  const values = only === undefined ? options : [only];
  return values?.map((value) => code(String(value))).join(", ");
}

const textTypes: ReadonlyMap<string | undefined, string> = new Map([
  [durationPattern.source, "duration"],
  [sizePattern.source, "size"],
]);

const scalarText = (schema: JsonSchema): string =>
  `${scalarTypes[schema.type ?? (schema.oneOf ? "object" : "")] ?? "anything"}${rangeText(schema)}`;

function rangeText({ maximum, minimum, type }: JsonSchema): string {
  if ((type !== "integer" && type !== "number") || minimum === undefined || maximum === undefined) return "";
  return `, ${minimum} to ${maximum}`;
}

/** As it would be written on one line of YAML. */
export function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).map(([name, inner]) => `${name}: ${flow(inner)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  const plain = typeof value === "string" && /^[A-Za-z/.][A-Za-z0-9_./-]*$|^[0-9]+[a-zA-Z]+$/.test(value);
  return plain ? value : JSON.stringify(value);
}

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(heads), row(heads.map(() => "---")), ...rows.map(row)].join("\n");

const generated = "<!-- Made by `npm run generate` from src/config and src/domain. Change those, not this page. -->";

export function configurationPage(): string {
  const rows = keyRows();
  const wide = new Set(rows.map(partOf).filter((part, index, all) => all.indexOf(part) < index));
  const sectionOf = (one: KeyRow): string => (wide.has(partOf(one)) ? code(partOf(one)) : topOf(one));
  const sections = [...new Set(rows.map(sectionOf))];
  const parts = sections.map(
    (section) => `## ${section}\n\n${keyTable(rows.filter((one) => sectionOf(one) === section))}`,
  );
  return `${generated}\n\n# sluice.yaml\n\n${intro}\n\n${parts.join("\n\n")}\n`;
}

/** `environments.<name>.rollout` of `environments.<name>.rollout.steps[].percent`, `secrets` of `secrets.<name>.env`. */
const partOf = ({ path }: KeyRow): string => /^environments\.<name>\.[a-zA-Z]+|^[a-zA-Z]+/.exec(path)?.[0] ?? path;
const topOf = ({ path }: KeyRow): string => (path.startsWith("environments") ? "An environment" : "The file");

const keyTable = (rows: readonly KeyRow[]): string =>
  table(
    ["key", "type", "default", "what it says", "example"],
    rows.map((one) => [
      code(one.path),
      one.type,
      one.default,
      one.description,
      one.example === "" ? "" : code(one.example),
    ]),
  );

const intro = `One file describes a project and its environments. It is read by every command and checked as a whole: unknown keys and
bad values are refused, all at once, each with its line and column and with what to write instead. \`sluice validate\` does only that.

- **Order.** What an environment says wins over \`defaults:\`, that over the default of its policy. Mappings are merged, lists replaced.
- **Policies** \`basic\`, \`standard\` and \`strict\` give defaults; where they differ, the column *default* names each. What the
  policies do with each pre-flight check is in [checks.md](checks.md).
- **Durations** are text with units: \`300ms\`, \`30s\`, \`5m\`, \`1h30m\`, \`2d\`, \`0s\`. **Sizes** likewise: \`64MB\`, \`1GiB\`.
- **Secrets** are names. Their text comes from the environment or a file, and never stands here.
- **YAML 1.2**: \`yes\`, \`no\` and \`on\` are text; write \`true\` or \`false\`. A version or commit id that looks like a number is quoted: \`"1.10"\`.
- **Paths** are relative to the project's folder.
- For completion in an editor, put this on the first line: \`# yaml-language-server: $schema=<path to sluice.schema.json>\`.`;

export function checksPage(): string {
  const preflight = table(
    ["check", "what is asked", ...strictnessLevels],
    checkNames.map((name) => [
      code(name),
      checkTable[name].about,
      ...strictnessLevels.map((level) => checkTable[name][level]),
    ]),
  );
  const smoke = table(
    ["kind", "what is asked", ...smokeSuites],
    Object.entries(smokeTable).map(([kind, line]) => [
      code(kind),
      line.about,
      ...smokeSuites.map((suite) => (line[suite] ? "yes" : "–")),
    ]),
  );
  return `${generated}

# Checks

## Before a deployment

What each pre-flight check does, by the environment's policy: \`off\` does not run it, \`warn\` shows what it finds, \`block\` stops the
deployment before anything is changed. Any cell can be overridden: \`environments.<name>.checks: { load: off }\`. All checks run side by
side, and all results are shown.

${preflight}

## Smoke checks

Which checks run once the candidate serves, by \`environments.<name>.smoke.suite\`. A single check can name its own \`suite\`, the
smallest one it belongs to.

${smoke}
`;
}
