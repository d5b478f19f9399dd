/** The command that tries a configuration out. */
import type { Command } from "commander";
import type { SimulateCommandOptions } from "../commands/simulate.ts";
import type { Bind } from "./bind.ts";
import { examples } from "./examples.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [
  ...before,
  ...value.split(",").filter((name) => name !== ""),
];

export function registerSimulation(program: Command, bind: Bind): void {
  program
    .command("simulate [environment] [version]")
    .description("a whole deployment in seconds, as configured, with nothing real touched")
    .option("--fault <name>", "what goes wrong, may be repeated; list: which there are", collect, [])
    .option("--first", "as if nothing served yet")
    .option("--rps <n>", "requests per second to each routed component", "50")
    .option("--error-rate <share>", "of the requests that fail anyway, such as 0.1%", "0")
    .option("--migrations <n>", "how many migrations the release brings", "0")
    .option("--expect <outcome>", "exit code 1 where it ends otherwise")
    .option("--keep", "write its record and files into the folder of records")
    .addHelpText(
      "after",
      examples(
        "sluice simulate production v1.2.0",
        "sluice simulate production --fault bad-release --expect rolled-back",
        "sluice simulate --fault list",
      ),
    )
    .action(
      bind(
        async (
          session,
          environment: string | undefined,
          version: string | undefined,
          options: SimulateCommandOptions,
        ) => (await import("../commands/simulate.ts")).simulateCommand(session, environment, version, options),
      ),
    );
}
