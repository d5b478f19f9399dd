/**
 * GitHub's official OpenAPI description as a judge: what a request or an answer has that the description does not allow, or lacks
 * that it demands. Only the operations that are asked about are cut out of it: the whole has 13 MB.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { fullFormats } from "ajv-formats/dist/formats.js";

type Schema = { readonly [key: string]: unknown };

interface Operation {
  readonly parameters?: readonly Schema[];
  readonly requestBody?: Schema;
  readonly responses: Readonly<Record<string, Schema>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly "x-webhooks"?: Readonly<Record<string, { readonly post: Operation }>>;
  readonly webhooks?: Readonly<Record<string, { readonly post: Operation }>>;
}

export type Edition = "api.github.com" | "ghes-3.19";

export interface Exchange {
  /** As in the description: `GET /repos/{owner}/{repo}/issues`. */
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Description {
  /** In words, empty where the description allows it. */
  requestFaults(exchange: Exchange): readonly string[];
  answerFaults(route: string, status: number, body: unknown): readonly string[];
  /** Of what GitHub posts, e.g. `deployment-protection-rule-requested`. */
  webhookFaults(name: string, body: unknown): readonly string[];
}

/** @param folder where npm put `@octokit/openapi` (test/heavy/github-openapi). */
export async function officialDescription(folder: string, edition: Edition = "api.github.com"): Promise<Description> {
  const file = join(folder, "node_modules/@octokit/openapi/generated", `${edition}.json`);
  return judge(JSON.parse(await readFile(file, "utf8")) as Document);
}

function judge(document: Document): Description {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, formats: fullFormats, logger: false });
  const validators = new Map<string, ValidateFunction>();
  const faultsIn = (key: string, schema: unknown, value: unknown, what: string): readonly string[] => {
    const validate = validators.get(key) ?? ajv.compile(standalone(document, schema));
    validators.set(key, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, 8).map((error) => `${what}${error.instancePath} ${error.message}`);
  };
  return {
    requestFaults({ route, query, body }) {
      const operation = operationOf(document, route);
      const schema = bodySchema(document, operation.requestBody);
      const inQuery = queryFaults(document, operation, query, (name, schemaOf, value) =>
        faultsIn(`${route}?${name}`, schemaOf, value, `query ${name}`),
      );
      if (schema === undefined) return body === undefined ? inQuery : [...inQuery, "a body where none is described"];
      if (body === undefined) return isRequired(document, operation) ? [...inQuery, "no body"] : inQuery;
      return [...inQuery, ...unknownKeys(document, schema, body), ...faultsIn(`${route} body`, schema, body, "body")];
    },
    webhookFaults(name, body) {
      const schema = bodySchema(document, (document.webhooks ?? document["x-webhooks"])?.[name]?.post.requestBody);
      if (schema === undefined) throw new Error(`GitHub's description knows no webhook ${name}`);
      return [...unknownKeys(document, schema, body), ...faultsIn(`webhook ${name}`, schema, body, "webhook")];
    },
    answerFaults(route, status, body) {
      const answer = operationOf(document, route).responses[String(status)];
      // Refusals of the gate (401, 403, 429) and faults of the servers are described for few operations.
      if (answer === undefined) return status >= 400 ? [] : [`${status} is no answer that is described`];
      const schema = bodySchema(document, answer);
      return schema === undefined ? [] : faultsIn(`${route} ${status}`, schema, body, `answer ${status}`);
    },
  };
}

function operationOf({ paths }: Document, route: string): Operation {
  const [method = "", path = ""] = route.split(" ");
  const operation = paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`GitHub's description knows no ${route}`);
  return operation;
}

function follow(document: Document, node: unknown): Schema {
  const { $ref } = node as { readonly $ref?: string };
  if ($ref === undefined) return node as Schema;
  const found = $ref
    .slice(2)
    .split("/")
    .reduce<unknown>((at, part) => (at as Schema)[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
  return follow(document, found);
}

function bodySchema(document: Document, node: unknown): unknown {
  if (node === undefined) return undefined;
  const { content } = follow(document, node) as { readonly content?: Readonly<Record<string, Schema>> };
  return content?.["application/json"]?.schema;
}

const isRequired = (document: Document, { requestBody }: Operation): boolean =>
  requestBody !== undefined && follow(document, requestBody).required === true;

function queryFaults(
  document: Document,
  { parameters = [] }: Operation,
  query: Readonly<Record<string, string>>,
  check: (name: string, schema: unknown, value: unknown) => readonly string[],
): readonly string[] {
  const described = new Map(
    parameters
      .map((parameter) => follow(document, parameter))
      .filter((parameter) => parameter.in === "query")
      .map((parameter) => [String(parameter.name), parameter.schema]),
  );
  return Object.entries(query).flatMap(([name, text]) => {
    if (!described.has(name)) return [`query ${name} is not described`];
    const schema = described.get(name);
    const type = follow(document, schema).type;
    return check(name, schema, type === "integer" ? Number(text) : type === "boolean" ? text === "true" : text);
  });
}

/** GitHub ignores what it does not know; a caller that sends it has mistyped something. */
function unknownKeys(document: Document, schema: unknown, body: unknown): readonly string[] {
  const { properties, additionalProperties } = follow(document, schema) as {
    readonly properties?: Schema;
    readonly additionalProperties?: unknown;
  };
  if (properties === undefined || additionalProperties) return [];
  return Object.keys(body as object)
    .filter((key) => !(key in properties))
    .map((key) => `body.${key} is not described`);
}

/** One schema with everything it refers to, in the words of JSON Schema: OpenAPI 3.0 says "nullable" for "or null". */
function standalone(document: Document, schema: unknown): Schema {
  const definitions: Record<string, unknown> = {};
  const convert = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(convert);
    if (typeof node !== "object" || node === null) return node;
    if (typeof (node as Schema).$ref === "string") return referred(String((node as Schema).$ref));
    const { nullable, example: _example, ...same } = node as Schema;
    const converted = Object.fromEntries(Object.entries(same).map(([key, value]) => [key, convert(value)]));
    return nullable === true ? { anyOf: [{ type: "null" }, converted] } : converted;
  };
  const referred = ($ref: string): Schema => {
    const name = $ref.replaceAll(/[^A-Za-z0-9]+/g, "_");
    if (!(name in definitions)) {
      definitions[name] = {};
      definitions[name] = convert(follow(document, { $ref }));
    }
    return { $ref: `#/definitions/${name}` };
  };
  const root = convert(schema) as Schema;
  return { ...root, definitions };
}
