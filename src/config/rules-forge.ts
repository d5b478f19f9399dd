/** What is told or started at the forge can be told and started there; the stage before is one. */
import type { Rule, RuledEnvironment } from "./findings.ts";
import { didYouMean } from "./suggestion.ts";

const channelHasRepository: Rule = ({ configuration, fault }) => {
  for (const [name, channel] of Object.entries(configuration.notify)) {
    if (channel.kind !== "github") continue;
    if (configuration.github === undefined) {
      fault(["notify", name, "kind"], "no repository at GitHub is named", "add github: { repository: … }");
    }
    if (channel.workflows.length > 0 && !channel.tell.includes("candidates")) {
      fault(
        ["notify", name, "workflows"],
        "workflows are started on the tag of a candidate, and this channel makes none",
        "add candidates to tell",
      );
    }
  }
};

const buildsLate = (environments: readonly RuledEnvironment[], name: string): boolean =>
  environments.find((each) => each.name === name)?.complete.build === "with-migrations";

const stagingIsAnother: Rule = ({ configuration, environments, fault }) => {
  const known = Object.keys(configuration.environments);
  for (const { complete, name, place } of environments) {
    const environment = complete.staging?.environment;
    if (environment === undefined || (environment !== name && known.includes(environment))) continue;
    const others = known.filter((each) => each !== name);
    fault(
      place("staging", "environment"),
      environment === name ? `${name} cannot stand before itself` : `there is no environment ${environment}`,
      others.length === 0 ? "add it under environments" : didYouMean(environment, others),
    );
  }
};

const stagingCanBeCompared: Rule = ({ environments, fault }) => {
  for (const { complete, name, place } of environments) {
    if (complete.staging === undefined) continue;
    const late = [name, complete.staging.environment].find((each) => buildsLate(environments, each));
    if (late === undefined) continue;
    fault(
      place("staging", "environment"),
      `the artifacts of ${late} are built after its plan, so nobody could compare them`,
      `write build: before-plan for ${late}`,
    );
  }
};

export const forgeRules: readonly Rule[] = [channelHasRepository, stagingIsAnother, stagingCanBeCompared];
