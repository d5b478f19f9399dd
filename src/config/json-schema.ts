/**
 * The JSON Schema that editors read: sluice.yaml as it is written, with the defaults of each policy. Made from the one schema
 * by scripts/generate.ts; the committed file is compared by a test.
 */
import { z } from "zod";
import { checkTable, type Strictness, strictnessLevels } from "../domain/checks.ts";
import { defaultPolicy, defaultTexts } from "./defaults.ts";
import type { Path } from "./faults.ts";
import { valueAt } from "./issues.ts";
import { ConfigurationSchema } from "./schema.ts";

export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly $ref?: string;
}

export function configurationJsonSchema(): JsonSchema {
  // draft-7 is what every YAML language server understands.
  const schema = z.toJSONSchema(ConfigurationSchema, {
    io: "input",
    target: "draft-7",
    override: restore,
  }) as JsonSchema;
  const environment = schema.definitions?.environment ?? {};
  return { ...schema, definitions: { ...schema.definitions, environment: withDefaults(environment, []) } };
}

/** zod drops examples and defaults of what it transforms (`5m` to milliseconds); ours are written as people write them. */
function restore({
  zodSchema,
  jsonSchema,
}: {
  readonly zodSchema: z.core.$ZodType;
  readonly jsonSchema: object;
}): void {
  const examples = z.globalRegistry.get(zodSchema)?.examples;
  const { type, defaultValue } = zodSchema._zod.def as { readonly type: string; readonly defaultValue?: unknown };
  const empty = type === "default" && JSON.stringify(defaultValue) === "{}";
  Object.assign(jsonSchema, examples !== undefined && { examples }, empty && { default: {} });
}

/** One value where the policies agree; words where they differ, since a schema can hold only one. */
function withDefaults(schema: JsonSchema, path: Path): JsonSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, inner]) => [
    name,
    withDefaults(inner, [...path, name]),
  ]);
  const deeper = schema.properties === undefined ? schema : { ...schema, properties: Object.fromEntries(properties) };
  const values = defaultsAt(path);
  if (path.length === 0 || schema.properties || values === undefined) return deeper;
  if (values.size === 1) return { ...deeper, default: [...values.values()][0]?.value };
  const differing = [...values.values()].map(
    ({ value, policies }) => `${policies.join(" and ")} ${JSON.stringify(value)}`,
  );
  return { ...deeper, description: `${deeper.description} Default by policy: ${differing.join(", ")}.` };
}

export interface PolicyDefault {
  readonly value: unknown;
  readonly policies: readonly Strictness[];
}

/** The distinct defaults of a key of an environment, by their JSON text; undefined where there is none. */
export function defaultsAt(path: Path): ReadonlyMap<string, PolicyDefault> | undefined {
  if (path.length === 1 && path[0] === "policy") {
    return new Map([[defaultPolicy, { value: defaultPolicy, policies: strictnessLevels }]]);
  }
  const found = new Map<string, PolicyDefault>();
  for (const policy of strictnessLevels) {
    const value = path[0] === "checks" ? checkDefault(path, policy) : valueAt(defaultTexts[policy], path);
    if (value === undefined) return undefined;
    const text = JSON.stringify(value);
    found.set(text, { value, policies: [...(found.get(text)?.policies ?? []), policy] });
  }
  return found;
}

const checkDefault = (path: Path, policy: Strictness): unknown => valueAt(checkTable, [...path.slice(1), policy]);
