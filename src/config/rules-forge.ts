/** What is told or started at the forge can be told and started there. */
import type { Rule } from "./findings.ts";

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

export const forgeRules: readonly Rule[] = [channelHasRepository];
