/**
 * W3: what a person sees after a slip in sluice.yaml: the place, what is wrong, and what to write instead. Each row is one
 * slip in an otherwise good file.
 */
import { describe, expect, test } from "vitest";
import { ConfigurationFaults, type Fault } from "../../src/config/faults.ts";
import { loadConfiguration } from "../../src/config/load.ts";

interface Slip {
  readonly slip: string;
  /** Lines 1 and 2; the rest of the file follows. */
  readonly head?: readonly string[];
  /** Line 3. */
  readonly components?: string;
  /** Line 6, in the environment. */
  readonly policy?: string;
  /** From line 7 on, in the environment, indented by 4. */
  readonly environment?: readonly string[];
  /** After all that, at the top. */
  readonly more?: readonly string[];
  /** line:column path */
  readonly at: string;
  readonly what: string;
  readonly fix: string;
}

const web = "web: { command: [node, web.mjs], route: { port: 8080 } }";

const textOf = ({
  head = ["sluice: 1", "project: shop"],
  components = web,
  policy = "basic",
  environment = [],
  more = [],
}: Slip): string =>
  [
    ...head,
    `components: { ${components} }`,
    "environments:",
    "  dev:",
    `    policy: ${policy}`,
    ...environment.map((line) => `    ${line}`),
    ...more,
    "",
  ].join("\n");

const signed = "approvals: { required: 0 }";

const inYaml: readonly Slip[] = [
  {
    slip: "a tab as indentation",
    environment: ["\ttags: []"],
    at: "7:5",
    what: "a tab is used to indent",
    fix: "indent by spaces",
  },
  {
    slip: "an asterisk without quotes",
    environment: ["tags: [*]"],
    at: "7:12",
    what: "* begins an alias",
    fix: 'quote it, for example "*"',
  },
  {
    slip: "an alias of nothing",
    environment: ["tags: [ *v ]"],
    at: "7:13 environments.dev.tags[0]",
    what: "*v stands for nothing",
    fix: 'quote it: "*v"',
  },
  {
    slip: "a key written twice",
    environment: ["url: http://a", "url: http://b"],
    at: "8:5 environments.dev.url",
    what: "a second time",
    fix: "keep one of the two",
  },
  {
    slip: "a second document",
    more: ["---", "a: 1"],
    at: "7:1",
    what: "a second document",
    fix: "remove the line ---",
  },
  {
    slip: "a merge key",
    environment: ["<<: { tags: [] }"],
    at: '7:5 environments.dev."<<"',
    what: "no merge key",
    fix: "put what environments share under `defaults:`",
  },
  {
    slip: "a tag of YAML",
    environment: ["url: !secret x"],
    at: "7:10",
    what: "no meaning here",
    fix: "remove the tag",
  },
  {
    slip: "a number that no file can hold",
    environment: ["load: { maxPerCpu: .inf }"],
    at: "7:24 environments.dev.load.maxPerCpu",
    what: ".inf is read as the number Infinity",
    fix: 'quote it: ".inf"',
  },
  {
    slip: "a key that is a number",
    environment: ["variables: { web: { 1: a } }"],
    at: "7:25 environments.dev.variables.web.1",
    what: "the key 1 is no text",
    fix: 'quote it: "1"',
  },
];

const inShape: readonly Slip[] = [
  {
    slip: "a format of the future",
    head: ["sluice: 2", "project: shop"],
    at: "1:9 sluice",
    what: "2 is not a format",
    fix: "write sluice: 1",
  },
  {
    slip: "no project",
    head: ["sluice: 1", "# nothing"],
    at: "1:1 project",
    what: '"project" is missing',
    fix: "add project: …",
  },
  {
    slip: "a project with capitals",
    head: ["sluice: 1", "project: Shop"],
    at: "2:10 project",
    what: '"Shop" cannot name a project',
    fix: "use lower-case letters",
  },
  {
    slip: "a misspelt key",
    environment: ["polcy: strict"],
    at: "7:5 environments.dev.polcy",
    what: 'unknown key "polcy"',
    fix: 'did you mean "policy"?',
  },
  {
    slip: "the beginning of a key",
    components: "web: { command: [a], env: {} }",
    at: "3:36 components.web.env",
    what: 'unknown key "env"',
    fix: 'did you mean "environment"?',
  },
  {
    slip: "a key one level too high",
    environment: ["steps: []"],
    at: "7:5 environments.dev.steps",
    what: 'unknown key "steps"',
    fix: "it belongs under rollout: rollout.steps",
  },
  {
    slip: "a key like no other",
    environment: ["banana: 1"],
    at: "7:5 environments.dev.banana",
    what: 'unknown key "banana"',
    fix: "use one of: policy, url, tags",
  },
  {
    slip: "a duration without a unit",
    environment: ["rollout: { checkEvery: 30 }"],
    at: "7:28 environments.dev.rollout.checkEvery",
    what: "30 has no unit",
    fix: "write 30s, not 30",
  },
  {
    slip: "a duration in words",
    environment: ["rollout: { checkEvery: 5 minutes }"],
    at: "7:28 environments.dev.rollout.checkEvery",
    what: '"5 minutes" is not a duration',
    fix: "write 5m",
  },
  {
    slip: "half an hour as a fraction",
    environment: ["approvals: { wait: 1.5h }"],
    at: "7:24 environments.dev.approvals.wait",
    what: '"1.5h" is not a duration',
    fix: "write 1h30m",
  },
  {
    slip: "a period of nothing",
    environment: ["observation: { every: 0s }"],
    at: "7:27 environments.dev.observation.every",
    what: "too short",
    fix: "write 10ms or more",
  },
  {
    slip: "a size without a unit",
    environment: ["disk: { minFree: 500 }"],
    at: "7:22 environments.dev.disk.minFree",
    what: "500 has no unit",
    fix: "500MB",
  },
  {
    slip: "a version that is a number",
    components: "web: { command: [a], environment: { VERSION: 1.10 } }",
    at: "3:60 components.web.environment.VERSION",
    what: "1.10 is read as the number 1.1",
    fix: 'quote it: "1.10"',
  },
  {
    slip: "a commit that is a number",
    components: "web: { command: [a], environment: { SHA: 1e10 } }",
    at: "3:56 components.web.environment.SHA",
    what: "1e10 is read as the number 10000000000",
    fix: 'quote it: "1e10"',
  },
  {
    slip: "a number in a command",
    components: "web: { command: [sleep, 5] }",
    at: "3:39 components.web.command[1]",
    what: "5 is no text",
    fix: 'quote it: "5"',
  },
  {
    slip: "yes for true",
    components: "web: { command: [a], ready: { version: yes } }",
    at: "3:54 components.web.ready.version",
    what: '"yes" is text in YAML 1.2',
    fix: "write true",
  },
  {
    slip: "off for false",
    components: "web: { command: [a], ready: { version: off } }",
    at: "3:54 components.web.ready.version",
    what: '"off" is text in YAML 1.2',
    fix: "write false",
  },
  {
    slip: "false for off",
    environment: ["checks: { load: false }"],
    at: "7:21 environments.dev.checks.load",
    what: "false is a truth value",
    fix: "write off",
  },
  {
    slip: "a shell command",
    components: "web: { command: node web.mjs }",
    at: "3:31 components.web.command",
    what: "it does not go through a shell",
    fix: 'write ["node", "web.mjs"]',
  },
  {
    slip: "an empty command",
    components: "web: { command: [] }",
    at: "3:31 components.web.command",
    what: "the command is empty",
    fix: 'write for example ["node", "server.mjs"]',
  },
  {
    slip: "one tag instead of a list",
    environment: ["tags: v*"],
    at: "7:11 environments.dev.tags",
    what: 'expected a list, found the text "v*"',
    fix: 'write ["v*"]',
  },
  {
    slip: "a tag pattern with a space",
    environment: ['tags: ["v 1"]'],
    at: "7:12 environments.dev.tags[0]",
    what: '"v 1" matches no git ref',
    fix: '"v*"',
  },
  {
    slip: "a port of no machine",
    components: "web: { command: [a], route: { port: 80800 } }",
    at: "3:51 components.web.route.port",
    what: "80800 is out of range",
    fix: "write at most 65535",
  },
  {
    slip: "half an instance",
    components: "web: { command: [a], instances: 1.5 }",
    at: "3:47 components.web.instances",
    what: "1.5 is no whole number",
    fix: "write 2",
  },
  {
    slip: "a quoted number",
    components: 'web: { command: [a], instances: "2" }',
    at: "3:47 components.web.instances",
    what: "text because of the quotes",
    fix: "write 2",
  },
  {
    slip: "weights that fall",
    environment: [
      "rollout: { steps: [{ percent: 50, bake: 1m }, { percent: 20, bake: 1m }, { percent: 100, bake: 1m }] }",
    ],
    at: "7:62 environments.dev.rollout.steps[1].percent",
    what: "20 does not rise above the 50",
    fix: "let the weights rise strictly",
  },
  {
    slip: "weights that end early",
    environment: ["rollout: { steps: [{ percent: 50, bake: 1m }, { percent: 90, bake: 1m }] }"],
    at: "7:62 environments.dev.rollout.steps[1].percent",
    what: "the last step is 90 %",
    fix: "percent: 100",
  },
  {
    slip: "an unknown policy",
    policy: "stict",
    at: "6:13 environments.dev.policy",
    what: '"stict" is not allowed here',
    fix: 'did you mean "strict"?',
  },
  {
    slip: "an address that is none",
    environment: ["url: shop.example.com"],
    at: "7:10 environments.dev.url",
    what: "is not an http(s) address",
    fix: "https://shop.example.com",
  },
  {
    slip: "an address with a password",
    environment: ["url: https://ada:hunter2@shop.example.com"],
    at: "7:10 environments.dev.url",
    what: "the address holds a name or password",
    fix: "`secrets`",
  },
  {
    slip: "a misspelt placeholder",
    environment: ['health: [{ name: a, url: "{ulr}/x" }]'],
    at: "7:30 environments.dev.health[0].url",
    what: "{ulr} is not a placeholder here",
    fix: "{url} and {version}",
  },
  {
    slip: "nothing after the colon",
    environment: ["approvals:"],
    at: "7:15 environments.dev.approvals",
    what: "nothing is written after the colon",
    fix: "write a value, or remove the key",
  },
  {
    slip: "an unknown kind",
    more: ["databases: { main: { kind: oracle } }"],
    at: "7:28 databases.main.kind",
    what: '"oracle" is not allowed here',
    fix: "use one of: postgres, sqlite, mariadb, mysql",
  },
  {
    slip: "no kind",
    more: ["databases: { main: { url: x } }"],
    at: "7:14 databases.main.kind",
    what: '"kind" is missing',
    fix: "add kind: postgres | sqlite",
  },
  {
    slip: "a database in memory",
    more: ['databases: { main: { kind: sqlite, file: ":memory:" } }'],
    at: "7:42 databases.main.file",
    what: "the database is no file",
    fix: "relative to the project",
  },
  {
    slip: "a secret with two sources",
    more: ["secrets: { KEY: { env: A, file: b } }"],
    at: "7:17 secrets.KEY",
    what: "exactly one source",
    fix: "{ env: NAME } or { file: path }",
  },
  {
    slip: "a secret in small letters",
    more: ["secrets: { key: { env: A } }"],
    at: "7:12 secrets.key",
    what: '"key" cannot name a secret',
    fix: "use capitals",
  },
  {
    slip: "a component that is every object's key",
    components: "constructor: { command: [a] }",
    at: "3:15 components.constructor",
    what: '"constructor" is reserved',
    fix: "name a component otherwise",
  },
  {
    slip: "a folder outside of the release",
    components: "web: { command: [a], workingDirectory: ../x }",
    at: "3:54 components.web.workingDirectory",
    what: "leads out of the release",
    fix: "without ..",
  },
  {
    slip: "a backup that overwrites the last one",
    environment: ['backup: { name: "{environment}" }'],
    at: "7:21 environments.dev.backup.name",
    what: "the same name",
    fix: "add {time} or {deployment}",
  },
];

const betweenKeys: readonly Slip[] = [
  {
    slip: "approvals that can never be reached",
    policy: "standard",
    environment: ["approvals: { required: 3, approvers: [ada, Ada, bob], allowedSigners: signers }"],
    at: "7:28 environments.dev.approvals.required",
    what: "3 approvals are required in dev, and there are 2 approvers",
    fix: "name more approvers",
  },
  {
    slip: "signatures that nobody can check",
    policy: "standard",
    environment: ["approvals: { approvers: [ada, bob] }"],
    at: "7:5 environments.dev.approvals.allowedSigners",
    what: "no file of allowed signers",
    fix: "add allowedSigners: <file>",
  },
  {
    slip: "an approver without a key",
    policy: "standard",
    environment: ["approvals: { approvers: [ada, bob, eve], allowedSigners: signers }"],
    at: "7:40 environments.dev.approvals.approvers[2]",
    what: "eve has no key in signers",
    fix: "add a line to signers: eve",
  },
  {
    slip: "a file of signers that is not there",
    policy: "standard",
    environment: ["approvals: { approvers: [ada, bob], allowedSigners: singers }"],
    at: "7:57 environments.dev.approvals.allowedSigners",
    what: "the file singers cannot be read",
    fix: "write it",
  },
  {
    slip: "approvals by word in strict",
    policy: "strict",
    environment: ["checks: { ci: off }", "approvals: { required: 0, acceptDeclared: true }"],
    at: "8:47 environments.dev.approvals.acceptDeclared",
    what: "no approval without a signature",
    fix: "acceptDeclared: false",
  },
  {
    slip: "CI that cannot be asked",
    policy: "strict",
    environment: [signed],
    at: "5:3 environments.dev.ci.command",
    what: "CI must have passed in dev",
    fix: "checks: { ci: off }",
  },
  {
    slip: "going on without knowing in strict",
    policy: "strict",
    environment: [signed, "checks: { ci: off }", "rollout: { onUnknown: continue }"],
    at: "9:27 environments.dev.rollout.onUnknown",
    what: "does not go on without knowing",
    fix: "write roll-back",
  },
  {
    slip: "a secret that is not declared",
    components: "web: { command: [a], environment: { KEY: { secret: KYE } } }",
    more: ["secrets: { KEY: { env: A } }"],
    at: "3:66 components.web.environment.KEY.secret",
    what: "the secret KYE is not declared",
    fix: 'did you mean "KEY"?',
  },
  {
    slip: "a secret in a journey that is not declared",
    environment: [
      "url: http://a",
      "smoke: { journeys: [{ name: a, steps: [{ name: b, path: /, json: { deep: [{ secret: PW }] } }] }] }",
    ],
    at: "8:89 environments.dev.smoke.journeys[0].steps[0].json.deep[0].secret",
    what: "the secret PW is not declared",
    fix: "PW: { env: PW }",
  },
  {
    slip: "a password in the file",
    more: ["databases: { main: { kind: postgres, url: postgres://shop:hunter2@db/shop } }"],
    at: "7:43 databases.main.url",
    what: "the address holds a password",
    fix: "{ secret: NAME }",
  },
  {
    slip: "one port for two components",
    components: `${web}, api: { command: [a], route: { port: 8080 } }`,
    at: "3:109 components.api.route.port",
    what: "127.0.0.1:8080 of api in dev belongs to web",
    fix: "environments.dev.ports.api",
  },
  {
    slip: "one port for two environments",
    environment: [],
    more: ["  uat: { policy: basic }"],
    at: "7:3 environments.uat.ports.web",
    what: "belongs to web in dev",
    fix: "environments.uat.ports.web",
  },
  {
    slip: "a port for an unknown component",
    environment: ["ports: { wbe: 1 }"],
    at: "7:14 environments.dev.ports.wbe",
    what: 'there is no component "wbe"',
    fix: 'did you mean "web"?',
  },
  {
    slip: "a port for a worker",
    components: `${web}, jobs: { command: [a] }`,
    environment: ["ports: { jobs: 1 }"],
    at: "7:14 environments.dev.ports.jobs",
    what: "has no route",
    fix: "components.jobs.route",
  },
  {
    slip: "variables for an unknown component",
    environment: ["variables: { api: { A: b } }"],
    at: "7:18 environments.dev.variables.api",
    what: 'there is no component "api"',
    fix: "use one of: web",
  },
  {
    slip: "migrations of an unknown database",
    more: ["databases: { main: { kind: sqlite, file: a } }", "migrations: { mian: { pending: [a], apply: [b] } }"],
    at: "8:15 migrations.mian",
    what: 'there is no database "mian"',
    fix: 'did you mean "main"?',
  },
  {
    slip: "an unknown channel",
    environment: ["notify: [temm]"],
    more: ["notify: { team: { kind: log-file, file: a } }"],
    at: "7:14 environments.dev.notify[0]",
    what: 'there is no channel "temm"',
    fix: 'did you mean "team"?',
  },
  {
    slip: "no ref that may be deployed",
    environment: ["tags: []"],
    at: "7:11 environments.dev.tags",
    what: "nothing may be deployed to dev",
    fix: 'tags: ["v*"]',
  },
  {
    slip: "a router that goes back between two checks",
    environment: ["rollout: { unattended: 20s }"],
    at: "7:28 environments.dev.rollout.unattended",
    what: "between two checks",
    fix: "write 30s or more",
  },
  {
    slip: "a lease shorter than two heartbeats",
    environment: ["lock: { lease: 3s, heartbeat: 2s }"],
    at: "7:20 environments.dev.lock.lease",
    what: "one late heartbeat",
    fix: "write 4s or more",
  },
  {
    slip: "{url} without a url",
    environment: ['health: [{ name: a, url: "{url}/x" }]'],
    at: "7:30 environments.dev.health[0].url",
    what: "{url} stands for the url of dev, which has none",
    fix: "add environments.dev.url",
  },
  {
    slip: "a value that no step saved",
    environment: [
      "url: http://a",
      'smoke: { journeys: [{ name: a, steps: [{ name: b, path: /, save: { token: t } }, { name: c, path: "/{{tokn}}" }] }] }',
    ],
    at: "8:103 environments.dev.smoke.journeys[0].steps[1].path",
    what: "{{tokn}} was saved by no earlier step",
    fix: 'did you mean "token"?',
  },
  {
    slip: "an expected version that is a number",
    environment: ["url: http://a", 'health: [{ name: a, url: "{url}", body: { version: 1.10 } }]'],
    at: "8:56 environments.dev.health[0].body.version",
    what: "1.10 is read as the number 1.1",
    fix: '"1.10"',
  },
  {
    slip: "two checks of one name",
    environment: ["health: [{ name: a, url: http://a }, { name: a, url: http://b }]"],
    at: "7:50 environments.dev.health[1].name",
    what: '"a" is the name of an earlier one too',
    fix: "its own name",
  },
  {
    slip: "one setting with two values",
    environment: ["observation: { action: alert }", "rollback: { on: { observation: hold } }"],
    at: "8:36 environments.dev.rollback.on.observation",
    what: "the two are one setting",
    fix: "write it once",
  },
  {
    slip: "a fault under defaults",
    more: ["defaults: { lock: { lease: 1s } }"],
    at: "7:28 defaults.lock.lease",
    what: "one late heartbeat",
    fix: "write 2s or more",
  },
];

const readFile = (path: string): string => {
  if (path !== "signers") throw new Error("no such file");
  return '# keys\nada ssh-ed25519 AAAA\nAda,bob namespaces="sluice" ssh-ed25519 BBBB\n';
};

function faultsOf(text: string): readonly Fault[] {
  try {
    loadConfiguration({ file: "sluice.yaml", text, readFile });
  } catch (thrown) {
    if (thrown instanceof ConfigurationFaults) return thrown.faults;
    throw thrown;
  }
  return [];
}

const placeOf = ({ line, column, path }: Fault): string => `${line}:${column} ${path}`.trim();

describe.each([
  { kind: "of YAML", slips: inYaml },
  { kind: "of shape", slips: inShape },
  { kind: "between keys", slips: betweenKeys },
])("W3 refuses a slip $kind with its place and its fix:", ({ slips }) => {
  test.each(slips)("$slip", (slip) => {
    const faults = faultsOf(textOf(slip));

    expect(faults.map(placeOf)).toEqual([slip.at]);
    const fault = faults.find((one) => placeOf(one) === slip.at) as Fault;
    expect(fault.what).toContain(slip.what);
    expect(fault.fix).toContain(slip.fix);
    expect(faults).toHaveLength(1);
  });
});
