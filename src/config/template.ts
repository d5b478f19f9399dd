/** The commented sluice.yaml that `sluice init` writes. It is valid as it stands; a test loads it. */

export interface TemplateComponent {
  readonly name: string;
  readonly command: readonly string[];
  readonly build?: readonly (readonly string[])[];
  readonly workingDirectory?: string;
  /** Without one it is a worker. */
  readonly port?: number;
  readonly readyPath?: string;
}

export interface TemplateOptions {
  readonly project: string;
  readonly components: readonly TemplateComponent[];
  /** Name of the secret with the database's URL, where there is a PostgreSQL database. */
  readonly databaseSecret?: string;
  readonly migrations?: { readonly pending: readonly string[]; readonly apply: readonly string[] };
  /** With people and their keys, production asks for an approval. */
  readonly approvals?: { readonly approvers: readonly string[]; readonly allowedSigners: string };
  /** Path or address of sluice.schema.json, for editors. */
  readonly schema?: string;
}

export function configurationTemplate(options: TemplateOptions): string {
  const head = options.schema === undefined ? [] : [`# yaml-language-server: $schema=${options.schema}`];
  const blocks = [
    [
      ...head,
      "# How this project is deployed. Check it by: sluice validate",
      "sluice: 1",
      `project: ${quoted(options.project)}`,
    ],
    secretsBlock(options),
    [
      "# What is deployed, in the order in which it is started and shifted.",
      "components:",
      ...options.components.flatMap(componentLines),
    ],
    databaseBlock(options),
    [
      "# Who is told. There is also: { kind: webhook, url: { secret: TEAM_WEBHOOK } }",
      "notify:",
      "  log: { kind: log-file, file: deployment-logs/notifications.log }",
    ],
    environmentBlock(options),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** JSON text is YAML, and leaves nothing to guess. */
const quoted = (value: unknown): string => JSON.stringify(value);
const argv = (words: readonly string[]): string => `[${words.map(quoted).join(", ")}]`;

function secretsBlock({ databaseSecret }: TemplateOptions): readonly string[] {
  if (databaseSecret === undefined) return [];
  return [
    "# Secrets by name, and where their text comes from: { env: NAME } or { file: path }. Never the text itself.",
    "secrets:",
    `  ${databaseSecret}: { env: ${databaseSecret} }`,
  ];
}

function componentLines({
  build = [],
  command,
  name,
  port,
  readyPath = "/health",
  workingDirectory,
}: TemplateComponent): readonly string[] {
  return [
    `  ${name}:`,
    ...(build.length > 0 ? [`    build: [${build.map(argv).join(", ")}]`] : []),
    `    command: ${argv(command)}`,
    ...(workingDirectory === undefined ? [] : [`    workingDirectory: ${quoted(workingDirectory)}`]),
    '    # Ready when this path answers 200 with { "version": "…" }; without a version in the answer: version: false',
    `    ready: { path: ${quoted(readyPath)}, version: true }`,
    ...(port === undefined
      ? ["    # No route: a worker, replaced at the end of the rollout."]
      : [`    route: { port: ${port} }`]),
  ];
}

function databaseBlock({ databaseSecret, migrations }: TemplateOptions): readonly string[] {
  if (databaseSecret === undefined) return [];
  const reference = `{ secret: ${databaseSecret} }`;
  const database = ["# Backed up before a deployment.", "databases:", `  main: { kind: postgres, url: ${reference} }`];
  if (migrations === undefined) return database;
  return [
    ...database,
    "",
    "migrations:",
    "  main:",
    `    pending: ${argv(migrations.pending)}`,
    `    apply: ${argv(migrations.apply)}`,
    `    environment: { ${databaseSecret}: ${reference} }`,
  ];
}

function environmentBlock(options: TemplateOptions): readonly string[] {
  const entry = options.components.findLast(({ port }) => port !== undefined);
  const staging = stagingPorts(options.components);
  return [
    "# What an environment leaves out has the default of its policy: basic, standard or strict.",
    "environments:",
    "  staging:",
    "    policy: basic",
    ...addressLines(entry, entry && staging.get(entry.name)),
    ...(staging.size > 0
      ? [`    ports: { ${[...staging].map(([name, port]) => `${name}: ${port}`).join(", ")} }`]
      : []),
    "    branches: [main]",
    ...(options.databaseSecret === undefined
      ? []
      : [
          "    # A database of its own: secrets: { " +
            options.databaseSecret +
            ": { env: STAGING_" +
            options.databaseSecret +
            " } }",
        ]),
    "  production:",
    "    policy: standard",
    ...addressLines(entry, entry?.port),
    '    tags: ["v*"]',
    ...approvalLines(options),
    ...scheduleLines(options),
    "    rollout:",
    "      steps: [{ percent: 10, bake: 5m }, { percent: 50, bake: 5m }, { percent: 100, bake: 5m }]",
  ];
}

function scheduleLines({ databaseSecret }: TemplateOptions): readonly string[] {
  if (databaseSecret === undefined) return [];
  return [
    "    # At 02:00 UTC, once somebody calls it: sluice schedule systemd",
    '    schedules: { nightly: { cron: "0 2 * * *", run: backup } }',
  ];
}

function addressLines(entry: TemplateComponent | undefined, port: number | undefined): readonly string[] {
  if (entry === undefined || port === undefined) return [];
  return [
    `    url: http://127.0.0.1:${port}`,
    `    health: [{ name: ${entry.name}, url: ${quoted(`{url}${entry.readyPath ?? "/health"}`)} }]`,
  ];
}

function approvalLines({ approvals }: TemplateOptions): readonly string[] {
  if (approvals === undefined) {
    return [
      "    # Nobody has to agree yet. Name people and a file with their public SSH keys, and raise this to 1 or 2.",
      "    approvals: { required: 0 } # approvers: [ada, bob], allowedSigners: .sluice-signers",
    ];
  }
  const { allowedSigners, approvers } = approvals;
  return [`    approvals: { required: 1, approvers: ${argv(approvers)}, allowedSigners: ${quoted(allowedSigners)} }`];
}

/** Both environments run on this machine until their targets differ: staging moves out of production's way. */
function stagingPorts(components: readonly TemplateComponent[]): ReadonlyMap<string, number> {
  const routed = components.flatMap(({ name, port }) => (port === undefined ? [] : [{ name, port }]));
  const taken = new Set(routed.map(({ port }) => port));
  const ports = new Map<string, number>();
  for (const { name, port } of routed) {
    let own = port;
    while (taken.has(own)) own = own + 1000 > 65_535 ? own - 64_000 : own + 1000;
    taken.add(own);
    ports.set(name, own);
  }
  return ports;
}
