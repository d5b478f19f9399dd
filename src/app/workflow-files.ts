/** W2: which workflows a configuration has, and each of them. */

import { type EnvironmentFacts, ledgerVariable, packagedText, type WorkflowFacts } from "./workflow-facts.ts";
import {
  allPermissions,
  concurrencyLine,
  expression,
  indent,
  type Lines,
  list,
  type Page,
  permissionsLine,
  preparation,
  quoted,
  scalar,
  sluiceStep,
  uploadStep,
  workflowMarker,
  workflowText,
  wrapped,
} from "./workflow-text.ts";

export interface WorkflowFile {
  /** From the folder of the workflows. */
  readonly name: string;
  readonly text: string;
}

export function workflowFiles(facts: WorkflowFacts): readonly WorkflowFile[] {
  const tight = workflowLines({ ...facts, tight: true });
  const workflows = Object.entries(workflowLines({ ...facts, tight: false })).map(([name, roomy]) => ({
    name: `${name}.yml`,
    text: workflowText(name, roomy, tight[name] ?? roomy),
  }));
  return facts.workflows.action === undefined ? [...workflows, ...actionFiles()] : workflows;
}

function workflowLines(page: Page): Readonly<Record<string, Lines>> {
  const started = page.environments.filter(({ start }) => start.length > 0);
  return {
    ...Object.fromEntries(started.map((environment) => [`deploy-${environment.name}`, deployOne(page, environment)])),
    deploy: deployAny(page),
    "ci-cd": ciCd(page, started),
    rollback: rollback(page),
    "deployment-status": status(page),
    ...(page.environments.some(({ hasSchedules }) => hasSchedules) ? { schedule: schedule(page) } : {}),
  };
}

/** The Action as it came with this version, committed beside the workflows: what runs is what the commit holds. */
export const actionFolder = "../actions/sluice";

const actionFiles = (): readonly WorkflowFile[] => [
  { name: `${actionFolder}/action.yml`, text: `# ${workflowMarker}\n${packagedText("action/action.yml")}` },
  { name: `${actionFolder}/launcher.cjs`, text: `// ${workflowMarker}\n${packagedText("action/launcher.cjs")}` },
];

function deployOne(page: Page, environment: EnvironmentFacts): Lines {
  const { name, start, permissions } = environment;
  const url = environment.url?.includes("${{") ? null : environment.url;
  return [
    "on:",
    ...indent(triggersOf(environment), 2),
    permissionsLine(permissions),
    concurrencyLine(`sluice-${page.project}-${name}`),
    ...job(
      page,
      environment,
      {
        command: "deploy",
        environment: scalar(name),
        release: expression("inputs.version || github.ref_name"),
        ...(start.includes("dispatch") && { deployment: expression("inputs.deployment") }),
      },
      `{ name: ${scalar(name)}${url === null ? "" : `, url: ${quoted(url)}`} }`,
    ),
  ];
}

function triggersOf({ start, tags, branches }: EnvironmentFacts): Lines {
  const pushes = [
    ...(start.includes("tag-push") ? [`tags: ${list(tags.map(filterPattern))}`] : []),
    ...(start.includes("branch-push") ? [`branches: ${list(branches.map(filterPattern))}`] : []),
  ];
  return [
    ...(pushes.length > 0 ? [`push: { ${pushes.join(", ")} }`] : []),
    ...(start.includes("call") ? ["workflow_call: {}"] : []),
    ...(start.includes("dispatch") ? ["workflow_dispatch:", ...indent(deployInputs, 2)] : []),
  ];
}

const deployInputs: Lines = [
  "inputs:",
  '  version: { type: string, description: "A tag or a branch; what is chosen above unless it is given" }',
  '  deployment: { type: string, description: "The id of a deployment that waits, to go on with it" }',
];

/** Here `*` stands for any text; at GitHub it ends at a slash, and `+` means something. */
const filterPattern = (pattern: string): string => pattern.replaceAll(/\*+/g, "**").replaceAll("+", "\\+");

function deployAny(page: Page): Lines {
  return [
    "on:",
    "  workflow_dispatch:",
    ...indent([...deployInputs, ...indent(environmentInput(page), 2)], 4),
    permissionsLine(allPermissions(page.environments)),
    concurrencyLine(`sluice-${page.project}-${expression("inputs.environment")}`),
    ...job(
      page,
      together(page),
      {
        command: "deploy",
        environment: expression("inputs.environment"),
        release: expression("inputs.version || github.ref_name"),
        deployment: expression("inputs.deployment"),
      },
      chosenEnvironment,
    ),
  ];
}

const chosenEnvironment = `{ name: "${expression("inputs.environment")}" }`;

const environmentInput = ({ environments }: WorkflowFacts): Lines =>
  wrapped(
    "environment: { type: choice, required: true, options: [",
    environments.map(({ name }) => scalar(name)),
    "] }",
  );

/** A rollback that was begun is not taken back because somebody closes the job that shows it. */
function rollback(page: Page): Lines {
  const words = [...new Set(page.environments.map(({ confirmWord }) => confirmWord))].join(" or ");
  const names = ["environment", "to", "reason", "confirm"];
  const asked = Object.fromEntries(names.map((name) => [name, expression(`inputs.${name}`)]));
  return [
    "on:",
    "  workflow_dispatch:",
    "    inputs:",
    ...indent(environmentInput(page), 6),
    '      to: { type: string, description: "A version that served before; the previous one unless it is given" }',
    '      reason: { type: string, required: true, description: "Why, for the audit trail" }',
    `      confirm: { type: string, required: true, description: ${quoted(`Type ${words}`.replaceAll("${{", ""))} }`,
    permissionsLine(allPermissions(page.environments)),
    concurrencyLine(`sluice-${page.project}-rollback-${expression("inputs.environment")}`),
    ...job(page, together(page), { command: "rollback", cancel: "detach", ...asked }, chosenEnvironment),
  ];
}

function status(page: Page): Lines {
  return [
    "on:",
    "  workflow_dispatch: {}",
    permissionsLine({ contents: "read" }),
    concurrencyLine(`sluice-${page.project}-status`),
    ...job(page, { ...together(page), variables: [ledgerVariable], timeoutMinutes: 10 }, { command: "status" }),
  ];
}

/** It comes often and finds nothing to do; what is due is decided by the ledger. Six hours end a claim, and with it the job. */
function schedule(page: Page): Lines {
  return [
    "on:",
    '  schedule: [{ cron: "*/15 * * * *" }]',
    "  workflow_dispatch: {}",
    permissionsLine(allPermissions(page.environments)),
    concurrencyLine(`sluice-${page.project}-schedule`),
    ...job(page, { ...together(page), timeoutMinutes: 360 }, { command: "schedule" }),
  ];
}

/** Of a workflow that is for any of them: what the most demanding one needs. */
function together({ environments }: WorkflowFacts): JobFacts {
  return {
    variables: [...new Set(environments.flatMap(({ variables }) => variables))],
    timeoutMinutes: Math.max(...environments.map(({ timeoutMinutes }) => timeoutMinutes)),
    keepDays: Math.max(...environments.map(({ keepDays }) => keepDays)),
  };
}

type JobFacts = Pick<EnvironmentFacts, "variables" | "timeoutMinutes" | "keepDays">;
type StepInputs = Readonly<Record<string, string>>;

/** @param environment of GitHub's, whose secrets it has; with one there is a deployment whose files are kept. */
function job(page: Page, own: JobFacts, inputs: StepInputs, environment?: string): Lines {
  const steps = [
    ...preparation(page, true),
    ...sluiceStep(page, inputs, own.variables),
    ...(environment === undefined ? [] : uploadStep(page, own.keepDays)),
  ];
  return [
    "jobs:",
    `  ${inputs["command"]}:`,
    `    runs-on: ${list(page.workflows.runsOn)}`,
    `    timeout-minutes: ${own.timeoutMinutes}`,
    ...(environment === undefined ? [] : [`    environment: ${environment}`]),
    "    steps:",
    ...indent(steps, 6),
  ];
}

/** Its tests run what a pull request brings, so they run without secrets, and elsewhere. */
function ciCd(page: Page, started: readonly EnvironmentFacts[]): Lines {
  const { testsOn, tests } = page.workflows;
  const called = started.filter(({ start }) => start.includes("call"));
  const branches = [...new Set(page.environments.flatMap((environment) => environment.branches))];
  return [
    `on: { push: { branches: ${list(branches.length > 0 ? branches.map(filterPattern) : ["main"])} }, pull_request: {} }`,
    permissionsLine({ contents: "read" }),
    concurrencyLine(`sluice-${page.project}-ci-${expression("github.ref")}`),
    "jobs:",
    "  test:",
    `    runs-on: ${list(testsOn)}`,
    "    timeout-minutes: 60",
    "    steps:",
    ...indent([...preparation(page, false), ...tests.map((words) => `- run: ${commandText(words)}`)], 6),
    ...indent(
      ["validate", "check-workflows"].flatMap((command) => shortStep(page, command)),
      6,
    ),
    ...called.flatMap(({ name, permissions }) => [
      `  deploy-${name}:`,
      "    needs: [test]",
      `    if: ${expression("github.event_name == 'push'")}`,
      `    ${permissionsLine(permissions)}`,
      `    uses: ./.github/workflows/deploy-${name}.yml`,
      "    secrets: inherit",
    ]),
  ];
}

function shortStep(page: Page, command: string): Lines {
  const [uses = ""] = sluiceStep(page, {}, []);
  return [uses, `  with: { version: ${page.version}, command: ${command} }`];
}

/** A list of words as a line of a shell, and that as a text of YAML. */
const commandText = (words: Lines): string =>
  scalar(
    words.map((word) => (/^[A-Za-z0-9_./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" "),
  );
