/** W2: what the generated GitHub workflows are told, and what starts a deployment (T1). */
import { z } from "zod";
import { startTriggers } from "../domain/workflow-settings.ts";
import { argv, count, key, say, shown } from "./schema-values.ts";

const runnerLabel = () =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
    error: ({ input }) =>
      say(`${shown(input)} is no label of a runner`, "write for example self-hosted or ubuntu-24.04"),
  });

/** An expression of GitHub's would be filled in before the shell sees it. */
const workflowCommand = () =>
  argv().refine((words) => words.every((word) => !word.includes("${{") && !/[\r\n]/.test(word)), {
    error: say(
      "it holds an expression of GitHub's or a line break",
      "put it into a script of the project, and call that",
    ),
  });

export const workflows = () =>
  key(
    z
      .strictObject({
        runsOn: key(
          z.array(runnerLabel()).min(1).max(10).default(["self-hosted"]),
          "Labels of the runner that deploys; it must reach the target, the databases and the ledger.",
          ["self-hosted", "production"],
        ),
        testsOn: key(
          z.array(runnerLabel()).min(1).max(10).default(["ubuntu-latest"]),
          "Labels of the runner for tests, which also run what a pull request brings: never one that deploys.",
          ["ubuntu-latest"],
        ),
        node: key(count(22, 99).default(24), "Major version of Node on those runners.", 24),
        tests: key(
          z
            .array(workflowCommand())
            .min(1)
            .max(10)
            .default([
              ["npm", "ci"],
              ["npm", "test"],
            ]),
          "Commands of the job `test` in ci-cd.",
          [
            ["npm", "ci"],
            ["npm", "test"],
          ],
        ),
        action: key(
          z
            .string()
            .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}(\/[A-Za-z0-9._-]{1,100}){1,5}@[0-9a-f]{40}$/, {
              error: ({ input }) =>
                say(
                  `${shown(input)} names no commit of an action`,
                  "write owner/repository/path@ and the 40 digits of a commit",
                ),
            })
            .optional(),
          "The Action of Sluice at a commit; a copy below .github/actions unless it is given.",
          "acme/actions/sluice@0123456789abcdef0123456789abcdef01234567",
        ),
      })
      .prefault({}),
    "The generated GitHub workflows.",
    { runsOn: ["self-hosted", "production"] },
  );

export const start = () =>
  key(
    z.array(z.enum(startTriggers)),
    "What starts a deployment here from GitHub (T1): a push of one of its tags or branches, the button, or `call` by ci-cd after its tests. None: no workflow of its own.",
    ["tag-push", "dispatch"],
  );
