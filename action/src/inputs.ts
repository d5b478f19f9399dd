/** What the workflow asked for: read from the variables that a runner sets, and refused where it is not exact. */

export interface Inputs {
  readonly version: string;
  readonly command: CommandName;
  readonly environment: string;
  readonly release: string;
  readonly deployment: string;
  readonly approvals: string;
  readonly to: string;
  readonly reason: string;
  readonly confirm: string;
  readonly cancel: "cancel" | "detach";
  readonly project: string;
}

export type Variables = Readonly<Record<string, string | undefined>>;

export const commandNames = ["deploy", "rollback", "status", "schedule", "validate", "check-workflows"] as const;
export type CommandName = (typeof commandNames)[number];

/** What is wrong with how the Action is used; it ends with exit code 2, as everything of that kind does. */
export class Misuse extends Error {}

/** No range and no name of a moving thing: what runs in production is what somebody has read. */
const exactVersion = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]{1,60})?$/;

export function readInputs(variables: Variables): Inputs {
  const given = (name: string): string => (variables[`INPUT_${name.toUpperCase()}`] ?? "").trim();
  const version = given("version");
  if (!exactVersion.test(version))
    throw new Misuse(`version is ${shown(version)}; it must be one exact version, as in 1.4.0: no range, no "latest".`);
  return {
    version,
    command: oneOf("command", given("command"), commandNames),
    cancel: oneOf("cancel", given("cancel") || "cancel", ["cancel", "detach"] as const),
    environment: given("environment"),
    release: given("release"),
    deployment: given("deployment"),
    approvals: given("approvals"),
    to: given("to"),
    reason: given("reason"),
    confirm: given("confirm"),
    project: given("project") || ".",
  };
}

function oneOf<const T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  if (found === undefined) throw new Misuse(`${name} is ${shown(text)}; it must be one of ${allowed.join(", ")}.`);
  return found;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 60));

/** The words after `sluice`: an argv, in which a text of the workflow is always the value of its option, never an option itself. */
export function wordsFor(inputs: Inputs): readonly string[] {
  switch (inputs.command) {
    case "deploy":
      return inputs.deployment === "" ? deployWords(inputs) : ["resume", "--json", "--", inputs.deployment];
    case "rollback":
      return rollbackWords(inputs);
    case "status":
      return ["status", "--", ...(inputs.environment === "" ? [] : [inputs.environment])];
    case "schedule":
      return ["schedule", "run"];
    case "validate":
      return ["validate"];
    case "check-workflows":
      return ["workflows", "--check"];
  }
}

/** Whose end is a deployment's end. The others say something and leave. */
export const deploys = ({ command }: Inputs): boolean => command === "deploy" || command === "rollback";

function deployWords({ environment, release, approvals }: Inputs): readonly string[] {
  needed({ environment, release });
  const more = approvals === "" ? [] : [`--approvals=${approvals}`];
  return ["deploy", "--no-foreground", "--json", ...more, "--", environment, release];
}

function rollbackWords({ environment, to, reason, confirm }: Inputs): readonly string[] {
  needed({ environment, reason, confirm });
  const target = to === "" ? [] : [`--to=${to}`];
  const said = [`--reason=${reason}`, `--confirm=${confirm}`];
  return ["rollback", "--no-foreground", "--json", ...target, ...said, "--", environment];
}

function needed(values: Readonly<Record<string, string>>): void {
  const missing = Object.keys(values).filter((name) => values[name] === "");
  if (missing.length > 0) throw new Misuse(`${missing.join(" and ")} must be given for this command.`);
}
