/**
 * The one schema of sluice.yaml. It gives the types, the validation, the JSON Schema for editors and the reference page;
 * what holds where a key of an environment is left out stands in defaults.ts.
 */
import { z } from "zod";
import { channels } from "./schema-channels.ts";
import { components, secrets } from "./schema-components.ts";
import { databases } from "./schema-databases.ts";
import { type Environment, WrittenEnvironment } from "./schema-environment.ts";
import { github } from "./schema-forge.ts";
import { migrations } from "./schema-migrations.ts";
import { key, name, say, shown } from "./schema-values.ts";
import { workflows } from "./schema-workflows.ts";

export const ConfigurationSchema = z
  .strictObject({
    sluice: key(
      z.literal(1, {
        error: ({ input }) =>
          input === undefined
            ? undefined
            : say(`${shown(input)} is not a format this version of Sluice reads`, "write sluice: 1"),
      }),
      "Format of this file.",
      1,
    ),
    project: key(name("a project"), "Name of the project, in notifications and records.", "shop"),
    secrets: secrets().default({}),
    github: github(),
    components: components(),
    databases: databases().default({}),
    migrations: migrations().default({}),
    notify: channels().default({}),
    workflows: workflows(),
    defaults: key(WrittenEnvironment.default({}), "The same keys as an environment, laid beneath every environment."),
    environments: key(
      z
        .record(name("an environment"), WrittenEnvironment)
        .refine((all) => Object.keys(all).length > 0, {
          error: say("there is no environment", "add one, for example staging: { policy: standard }"),
        })
        .refine((all) => Object.keys(all).length <= 50, {
          error: say("there are more than 50 environments", "keep the others in a file of their own"),
        }),
      "Environments by name, and what differs in each.",
    ),
  })
  .meta({
    title: "sluice.yaml",
    description: "Central configuration of Sluice: one file, with settings per environment.",
  });

/** sluice.yaml, checked: durations in milliseconds, sizes in bytes; defaults of environments not yet laid beneath. */
export type Configuration = z.output<typeof ConfigurationSchema>;
export type Written = z.output<typeof WrittenEnvironment>;
/** One environment with every default laid beneath. */
export type CompleteEnvironment = z.output<typeof Environment>;
export type EnvironmentText = z.input<typeof Environment>;
