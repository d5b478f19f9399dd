/**
 * The lines of a workflow, without any logic in them: everything that is decided is decided by Sluice. No expression stands in a
 * `run`; what a person types reaches a program as a value, never as text of a script.
 */
import { SluiceError } from "../domain/errors.ts";
import type { EnvironmentFacts, Permissions, WorkflowFacts } from "./workflow-facts.ts";
import { pinnedActions } from "./workflow-pins.ts";

export type Lines = readonly string[];

export const workflowMarker = 'Written by "sluice workflows" from sluice.yaml: change it there.';
const mostLines = 40;
const mostColumns = 120;

/** Whatever it holds, YAML reads it as this text. */
export const quoted = (text: string): string => JSON.stringify(text);
export const expression = (text: string): string => `\${{ ${text} }}`;
/** As a person would write it: in quotes only where YAML could read something else. */
export const scalar = (text: string): string => (isPlain(text) ? text : quoted(text));
const isPlain = (text: string): boolean =>
  /^[A-Za-z][\w./-]*( [\w./-]+)*$/.test(text) && !/^(true|false|yes|no|on|off|y|n|null)$/i.test(text);
export const list = (texts: Lines): string => `[${texts.map(scalar).join(", ")}]`;
export const indent = (lines: Lines, by: number): Lines => lines.map((line) => `${" ".repeat(by)}${line}`);

/** @param pages that say the same; the first one that is short enough is taken. */
export function workflowText(name: string, ...pages: readonly Lines[]): string {
  const begun = [`# ${workflowMarker}`, `name: ${name}`];
  const lines = pages.find((each) => begun.length + each.length <= mostLines) ?? pages.at(-1) ?? [];
  const all = [...begun, ...lines];
  if (all.length > mostLines) {
    throw new SluiceError({
      code: "USAGE",
      remedy: "operator",
      at: "app.workflow-text",
      message: `${name}.yml would have ${all.length} lines, more than ${mostLines}, which nobody reads.`,
      hint: "Name fewer secrets (secrets: { NAME: { file: … } }), tests or environments, then: sluice workflows --dry-run",
    });
  }
  return `${all.join("\n")}\n`;
}

export const permissionsLine = (permissions: Permissions): string =>
  `permissions: { ${Object.entries(permissions)
    .map(([scope, right]) => `${scope}: ${right}`)
    .join(", ")} }`;

/** The rights of several: the greater one of each. */
export function allPermissions(environments: readonly EnvironmentFacts[]): Permissions {
  const entries = environments.flatMap(({ permissions }) => Object.entries(permissions));
  const ranked = entries.toSorted(([, a], [, b]) => (a === b ? 0 : a === "read" ? -1 : 1));
  return Object.fromEntries(ranked);
}

/** What runs is never ended by what comes after it. */
export const concurrencyLine = (group: string): string =>
  `concurrency: { group: ${scalar(group)}, cancel-in-progress: false }`;

/** `keep`: what lies in the work tree besides is the state of Sluice and of what it started. */
export function preparation({ workflows }: WorkflowFacts, keep: boolean): Lines {
  const { checkout, "setup-node": node } = pinnedActions;
  return [
    `- uses: ${checkout.uses} # ${checkout.version}`,
    `  with: { fetch-depth: 0, persist-credentials: false${keep ? ", clean: false" : ""} }`,
    `- uses: ${node.uses} # ${node.version}`,
    `  with: { node-version: ${workflows.node}, package-manager-cache: false }`,
  ];
}

export const copiedAction = "./.github/actions/sluice";

type Values = Readonly<Record<string, string>>;

/** What a workflow is written from. */
export interface Page extends WorkflowFacts {
  /** Values side by side, since each on a line of its own there would be too many lines. */
  readonly tight: boolean;
}

/** @param variables that hold secrets. */
export function sluiceStep({ workflows, version, tight }: Page, inputs: Values, variables: Lines): Lines {
  const secrets = Object.fromEntries(variables.map((name) => [name, expression(`secrets.${secretFor(name)}`)]));
  const write = tight ? sideBySide : oneEach;
  return [
    `- uses: ${workflows.action ?? copiedAction}`,
    "  id: sluice",
    ...write("with", { version, ...inputs }),
    ...write("env", secrets),
  ];
}

/** A secret of GitHub's cannot begin with GITHUB_, its own token excepted. */
const secretFor = (variable: string): string =>
  variable !== "GITHUB_TOKEN" && variable.startsWith("GITHUB_") ? `SLUICE_${variable}` : variable;

const oneEach = (key: string, values: Values): Lines => [
  `  ${key}:`,
  ...Object.entries(values).map(([name, value]) => `    ${name}: ${value}`),
];

const sideBySide = (key: string, values: Values): Lines =>
  wrapped(
    `  ${key}: {`,
    Object.entries(values).map(([name, value]) => `${name}: ${value.includes("${{") ? quoted(value) : value}`),
    " }",
  );

/** Something of YAML in brackets, on as few lines as it takes. */
export function wrapped(opening: string, items: Lines, closing: string): Lines {
  const lines = [opening];
  const margin = " ".repeat(opening.length - opening.trimStart().length + 2);
  for (const [at, item] of items.entries()) {
    const text = `${at === 0 && opening.endsWith("[") ? "" : " "}${item}${at === items.length - 1 ? closing : ","}`;
    const joined = `${lines.at(-1)}${text}`;
    if (joined.length + deepest <= mostColumns) lines[lines.length - 1] = joined;
    else lines.push(`${margin}${text.trimStart()}`);
  }
  return lines;
}

/** What a line may be moved to the right. */
const deepest = 8;

export function uploadStep({ tight }: Page, keepDays: number): Lines {
  const { "upload-artifact": upload } = pinnedActions;
  return [
    `- if: ${expression("always() && steps.sluice.outputs.artifacts != ''")}`,
    `  uses: ${upload.uses} # ${upload.version}`,
    ...(tight ? sideBySide : oneEach)("with", {
      name: `deployment-${expression("steps.sluice.outputs.deployment")}`,
      path: expression("steps.sluice.outputs.artifacts"),
      "retention-days": String(keepDays),
    }),
  ];
}
