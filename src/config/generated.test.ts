/** The committed schema and reference pages are what the code says now, and the schema agrees with the program. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { generatedFiles } from "./generated.ts";
import { configurationJsonSchema } from "./json-schema.ts";
import { loadConfiguration } from "./load.ts";
import { keyRows } from "./reference.ts";
import { configurationTemplate } from "./template.ts";

const root = join(import.meta.dirname, "../..");

test.each(generatedFiles())("$path is up to date (else: npm run generate)", ({ path, text }) => {
  expect(readFileSync(join(root, path), "utf8")).toBe(text);
});

describe("W3 the reference page", () => {
  const rows = keyRows();

  test("describes every key, each once", () => {
    expect(rows.length).toBeGreaterThan(150);
    expect(rows.filter(({ description }) => description === "")).toEqual([]);
    expect(new Set(rows.map(({ path }) => path)).size).toBe(rows.length);
  });

  test("has an example of every key that is no section", () => {
    const without = rows.filter(({ example, section }) => example === "" && !section).map(({ path }) => path);

    expect(without).toEqual(["defaults", "environments"]);
  });

  test("F8 P6 shows the defaults of each policy where they differ", () => {
    const approvals = rows.find(({ path }) => path === "environments.<name>.approvals.required");

    expect(approvals?.default).toBe("basic: `0`; standard: `1`; strict: `2`");
  });
});

describe("W3 the JSON Schema for editors", () => {
  const schema = z.fromJSONSchema(configurationJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  const text = configurationTemplate({
    project: "shop",
    components: [{ name: "web", command: ["node", "web.mjs"], port: 8080 }],
    databaseSecret: "DATABASE_URL",
  });

  test("takes what the program takes", () => {
    expect(() => loadConfiguration({ file: "sluice.yaml", text })).not.toThrow();
    expect(schema.safeParse(parse(text)).error).toBeUndefined();
  });

  test.each([
    ["an unknown key", "    policy: basic", "    polcy: basic"],
    ["an unknown policy", "    policy: basic", "    policy: lax"],
    ["a duration without a unit", "bake: 5m", "bake: 5"],
    ["a port of no machine", "port: 8080", "port: 808080"],
    ["no project", 'project: "shop"', ""],
  ])("refuses %s, as the program does", (_name, from, to) => {
    const bad = text.replace(from, to);

    expect(bad).not.toBe(text);
    expect(() => loadConfiguration({ file: "sluice.yaml", text: bad })).toThrow();
    expect(schema.safeParse(parse(bad)).success).toBe(false);
  });
});
