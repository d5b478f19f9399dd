/** K1: what is secret is declared and named, and its text never stands in the file. */
import type { Path } from "./faults.ts";
import type { Layer, Rule } from "./findings.ts";
import type { Configuration } from "./schema.ts";
import { didYouMean } from "./suggestion.ts";

interface Use {
  readonly name: string;
  readonly path: Path;
}

/** Values of a mapping that are secrets. */
function usesIn(mapping: Readonly<Record<string, unknown>> | undefined, path: Path): readonly Use[] {
  return Object.entries(mapping ?? {}).flatMap(([key, value]) => useAt(value, [...path, key]));
}

function useAt(value: unknown, path: Path): readonly Use[] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  const { secret } = value as { readonly secret?: unknown };
  return typeof secret === "string" ? [{ name: secret, path: [...path, "secret"] }] : [];
}

/** Anywhere in a JSON body; there a mapping with the one key `secret` is a reference. */
function usesInJson(value: unknown, path: Path): readonly Use[] {
  if (value === null || typeof value !== "object") return [];
  const alone = Object.keys(value).length === 1 ? useAt(value, path) : [];
  if (alone.length > 0) return alone;
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return inner.flatMap(([key, item]) => usesInJson(item, [...path, key]));
}

function sharedUses({ components, databases, github, migrations, notify }: Configuration): readonly Use[] {
  return [
    ...Object.entries(components).flatMap(([name, { environment }]) =>
      usesIn(environment, ["components", name, "environment"]),
    ),
    ...Object.entries(components).flatMap(([name, { route }]) =>
      usesIn(route?.testers, ["components", name, "route", "testers"]),
    ),
    ...Object.entries(databases).flatMap(([name, database]) => [
      ...usesIn(database, ["databases", name]),
      ...("environment" in database ? usesIn(database.environment, ["databases", name, "environment"]) : []),
    ]),
    ...Object.entries(migrations).flatMap(([name, migration]) => [
      ...usesIn(migration, ["migrations", name]),
      ...usesIn(migration.environment, ["migrations", name, "environment"]),
    ]),
    ...Object.entries(notify).flatMap(([name, channel]) => usesIn(channel, ["notify", name])),
    ...usesIn(github, ["github"]),
    ...usesIn(github?.app, ["github", "app"]),
  ];
}

function usesOf({ path, written }: Layer): readonly Use[] {
  const variables = Object.entries(written.variables ?? {}).flatMap(([name, mapping]) =>
    usesIn(mapping, [...path, "variables", name]),
  );
  const steps = (written.smoke?.journeys ?? []).flatMap((journey, at) =>
    journey.steps.flatMap((step, index) => {
      const above = [...path, "smoke", "journeys", at, "steps", index];
      return [...usesIn(step.headers, [...above, "headers"]), ...usesInJson(step.json, [...above, "json"])];
    }),
  );
  const metrics = (written.metrics ?? []).flatMap((source, at) => usesInJson(source, [...path, "metrics", at]));
  const { encryption, store } = written.backup ?? {};
  const backups = [
    ...usesIn(store, [...path, "backup", "store"]),
    ...usesIn(encryption, [...path, "backup", "encryption"]),
  ];
  return [...variables, ...steps, ...metrics, ...backups];
}

/** What every environment uses must be declared for every one; what one uses, for that one. */
const usedIsDeclared: Rule = ({ configuration, layers, fault }) => {
  const [shared, ...own] = layers;
  const everywhere = [...Object.keys(configuration.secrets), ...Object.keys(configuration.defaults.secrets ?? {})];
  const common = [...sharedUses(configuration), ...(shared ? usesOf(shared) : [])];
  for (const layer of own) {
    const declared = [...everywhere, ...Object.keys(layer.written.secrets ?? {})];
    const uses = [...common, ...usesOf(layer)].filter(({ name }) => !declared.includes(name));
    for (const { name, path } of uses) {
      const elsewhere = own.some(({ written }) => Object.hasOwn(written.secrets ?? {}, name));
      const where = elsewhere ? ` in ${String(layer.path[1])}` : "";
      fault(path, `the secret ${name} is not declared${where}`, declareFix(name, declared));
    }
  }
};

function declareFix(name: string, declared: readonly string[]): string {
  const guess = declared.length === 0 ? "" : didYouMean(name, declared);
  return guess.endsWith("?") ? guess : `declare it under secrets: ${name}: { env: ${name} }`;
}

const declaredIsUsed: Rule = ({ configuration, layers, warn }) => {
  const used = new Set([...sharedUses(configuration), ...layers.flatMap(usesOf)].map(({ name }) => name));
  const declared = [
    ...Object.keys(configuration.secrets).map((name) => ({ name, path: ["secrets", name] })),
    ...layers.flatMap(({ path, written }) =>
      Object.keys(written.secrets ?? {}).map((name) => ({ name, path: [...path, "secrets", name] })),
    ),
  ];
  for (const { name, path } of declared) {
    if (!used.has(name))
      warn(path, `the secret ${name} is declared and not used`, `use it as { secret: ${name} }, or remove it`, "key");
  }
};

const urlsHoldNoPasswords: Rule = ({ configuration, fault }) => {
  const urls = [
    ...Object.entries(configuration.databases).map(([name, each]) => ({ path: ["databases", name, "url"], each })),
    ...Object.entries(configuration.migrations).map(([name, each]) => ({ path: ["migrations", name, "url"], each })),
  ];
  for (const { path, each } of urls) {
    if (!("url" in each) || typeof each.url !== "string" || !withPassword.test(each.url)) continue;
    fault(path, "the address holds a password", "declare it under `secrets`, and write { secret: NAME }");
  }
};

const withPassword = /:\/\/[^/@\s:]*:[^/@\s]+@/;
const secretive = /(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_KEY|API_?KEY|CREDENTIALS?)$/i;

const variablesHoldNoSecrets: Rule = ({ configuration, layers, warn }) => {
  const mappings = [
    ...Object.entries(configuration.components).map(([name, { environment }]) => ({
      path: ["components", name, "environment"],
      mapping: environment,
    })),
    ...Object.entries(configuration.migrations).map(([name, { environment }]) => ({
      path: ["migrations", name, "environment"],
      mapping: environment,
    })),
    ...layers.flatMap(({ path, written }) =>
      Object.entries(written.variables ?? {}).map(([name, mapping]) => ({
        path: [...path, "variables", name],
        mapping,
      })),
    ),
  ];
  for (const { path, mapping } of mappings) {
    for (const [name, value] of Object.entries(mapping)) {
      if (typeof value !== "string" || value === "" || !(secretive.test(name) || withPassword.test(value))) continue;
      warn(
        [...path, name],
        `${name} looks like a secret that stands in the file`,
        `declare it under \`secrets\`, and write ${name}: { secret: NAME }`,
        "key",
      );
    }
  }
};

export const secretRules: readonly Rule[] = [
  usedIsDeclared,
  declaredIsUsed,
  urlsHoldNoPasswords,
  variablesHoldNoSecrets,
];
