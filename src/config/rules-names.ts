/** Names that must be names of something, and things that only one can have: ports, folders, names of checks. */
import { posix } from "node:path";
import type { Path } from "./faults.ts";
import type { Layer, Rule, Rulebook } from "./findings.ts";
import { didYouMean } from "./suggestion.ts";

const migrationsNameDatabases: Rule = ({ configuration, fault }) => {
  const known = Object.keys(configuration.databases);
  for (const name of Object.keys(configuration.migrations)) {
    if (known.includes(name)) continue;
    const fix = known.length === 0 ? `add it under databases: ${name}: { kind: … }` : didYouMean(name, known);
    fault(["migrations", name], `there is no database "${name}"`, fix, "key");
  }
};

const toolsMigratePostgres: Rule = ({ configuration, fault }) => {
  for (const [name, { kind }] of Object.entries(configuration.migrations)) {
    const database = Object.hasOwn(configuration.databases, name) ? configuration.databases[name] : undefined;
    if (kind === "command" || database === undefined || database.kind === "postgres") continue;
    fault(
      ["migrations", name, "kind"],
      `the kind ${kind} migrates PostgreSQL, and the database ${name} is ${database.kind}`,
      "write kind: command, with the commands of your tool",
    );
  }
};

const notifyNamesChannels: Rule = ({ configuration, layers, fault }) => {
  const known = Object.keys(configuration.notify);
  for (const { path, written } of layers) {
    const { notify = [] } = written;
    const named = Array.isArray(notify)
      ? notify.map((name, index) => ({ name, at: index }))
      : Object.keys(notify).map((name) => ({ name, at: name }));
    for (const { name, at } of named.filter((each) => !known.includes(each.name))) {
      const fix =
        known.length === 0 ? `add it at the top, under notify: ${name}: { kind: … }` : didYouMean(name, known);
      fault([...path, "notify", at], `there is no channel "${name}"`, fix);
    }
  }
};

const routersMetrics: readonly string[] = ["errors", "latency", "share"];

/** A second source of the same name would be counted twice. */
const metricsHaveTheirOwnNames: Rule = ({ layers, fault }) => {
  const named = layers.flatMap(({ path, written }) =>
    (written.metrics ?? []).flatMap(({ metrics }, at) =>
      metrics.map((metric, index) => ({
        name: typeof metric === "string" ? metric : metric.name,
        path: [...path, "metrics", at, "metrics", index],
      })),
    ),
  );
  for (const { name, path } of named.filter((each) => routersMetrics.includes(each.name))) {
    fault(path, `"${name}" is what the router itself measures`, `name it otherwise, e.g. my-${name}`);
  }
};

const componentsAreKnown: Rule = (book) => {
  for (const layer of book.layers) {
    for (const section of ["ports", "variables"] as const) componentsOf(book, layer, section);
  }
};

function componentsOf(
  { configuration, fault }: Rulebook,
  { path, written }: Layer,
  section: "ports" | "variables",
): void {
  for (const name of Object.keys(written[section] ?? {})) {
    const component = Object.hasOwn(configuration.components, name) ? configuration.components[name] : undefined;
    const place: Path = [...path, section, name];
    if (component === undefined) {
      fault(place, `there is no component "${name}"`, didYouMean(name, Object.keys(configuration.components)), "key");
    } else if (section === "ports" && component.route === undefined) {
      fault(
        place,
        `the component ${name} has no route, so no port`,
        `give it components.${name}.route, or remove the port`,
        "key",
      );
    }
  }
}

interface Listener {
  readonly environment: string;
  readonly component: string;
  readonly address: string;
  readonly path: Path;
}

function listenersOf({ configuration, environments }: Rulebook): readonly Listener[] {
  return environments.flatMap(({ name: environment, complete, place }) =>
    Object.entries(configuration.components).flatMap(([component, { route }]) => {
      if (route === undefined) return [];
      const own = complete.ports[component];
      const path = own === undefined ? ["components", component, "route", "port"] : place("ports", component);
      return [{ environment, component, address: `${hostOf(route.host)}:${own ?? route.port}`, path }];
    }),
  );
}

const hostOf = (host: string): string => (host === "localhost" ? "127.0.0.1" : host);

/** Environments of one file share a machine: every address belongs to one component of one environment. */
const portsAreDistinct: Rule = (book) => {
  const taken = new Map<string, Listener>();
  for (const listener of listenersOf(book)) {
    const { address, component, environment } = listener;
    const holder = taken.get(address);
    if (holder === undefined) {
      taken.set(address, listener);
      continue;
    }
    const elsewhere = holder.environment !== environment;
    const owner = elsewhere ? `${holder.component} in ${holder.environment}` : holder.component;
    // The component's own port is right for the first environment; the second one has to differ.
    const path = elsewhere ? ["environments", environment, "ports", component] : listener.path;
    const fix = `give it a port of its own, for example environments.${environment}.ports.${component}`;
    book.fault(path, `${address} of ${component} in ${environment} belongs to ${owner}`, fix);
  }
};

const foldersAreDistinct: Rule = ({ environments, fault }) => {
  const taken = new Map<string, string>();
  for (const { name, complete, place } of environments) {
    const folders = [
      { folder: complete.target.root ?? `.sluice/run/${name}`, path: place("target", "root") },
      { folder: complete.router.state ?? `.sluice/router/${name}`, path: place("router", "state") },
    ];
    for (const { folder, path } of folders) {
      const normal = posix.normalize(folder).replace(/\/$/, "");
      const holder = taken.get(normal);
      taken.set(normal, name);
      if (holder !== undefined)
        fault(path, `the folder ${folder} of ${name} belongs to ${holder} too`, "give each its own folder");
    }
  }
};

const refsAreAllowed: Rule = ({ environments, fault }) => {
  for (const { complete, name, place } of environments) {
    if (complete.tags.length + complete.branches.length > 0) continue;
    fault(
      place("tags"),
      `nothing may be deployed to ${name}: no tags and no branches are allowed`,
      'write tags: ["v*"]',
    );
  }
};

const backupNamesAreDistinct: Rule = ({ configuration, environments, fault }) => {
  if (Object.keys(configuration.databases).length < 2) return;
  for (const { complete, place } of environments) {
    if (complete.backup.name.includes("{database}")) continue;
    fault(place("backup", "name"), "the backups of all databases would have the same name", "add {database}");
  }
};

export const namingRules: readonly Rule[] = [
  migrationsNameDatabases,
  toolsMigratePostgres,
  notifyNamesChannels,
  metricsHaveTheirOwnNames,
  componentsAreKnown,
  portsAreDistinct,
  foldersAreDistinct,
  refsAreAllowed,
  backupNamesAreDistinct,
];
