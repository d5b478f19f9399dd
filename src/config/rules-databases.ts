/** What the commands of a database need of each other, and what a backup by commands can never be called (Z3). */
import { proofLimitOf } from "../domain/database-settings.ts";
import type { Rule, Rulebook } from "./findings.ts";
import type { Configuration } from "./schema.ts";

type Commands = Extract<Configuration["databases"][string], { readonly kind: "command" }>;

const commandsBelongTogether: Rule = (book) => {
  for (const [name, database] of Object.entries(book.configuration.databases)) {
    if (database.kind !== "command") continue;
    togetherOrNot(book, name, database);
    toldThePlace(book, name, database);
  }
};

function togetherOrNot({ fault }: Rulebook, name: string, { check, drop, restore }: Commands): void {
  const place = ["databases", name];
  if (restore !== undefined && drop === undefined)
    fault(place, "what is restored for a test would stay", "write drop, the command that removes it");
  if (restore === undefined && (drop ?? check) !== undefined)
    fault(place, "nothing is restored that could be looked at or removed", "write restore, or remove check and drop");
}

function toldThePlace({ fault }: Rulebook, name: string, { check, drop, restore }: Commands): void {
  for (const [key, argv] of Object.entries({ restore, check, drop })) {
    if (argv === undefined || argv.some((word) => word.includes("{into}"))) continue;
    fault(["databases", name, key], "the command is not told which place is meant", "write {into} as one of its words");
  }
}

const equalIsWithinReach: Rule = ({ configuration, environments, fault }) => {
  const limited = Object.entries(configuration.databases).flatMap(([name, database]) => {
    const limit = proofLimitOf(database);
    return limit === undefined ? [] : [{ name, ...limit }];
  });
  const asking = environments.filter(
    ({ complete: { backup } }) => backup.policy === "verified" || backup.proof.level === "equal",
  );
  for (const { complete, place } of limited.length === 0 ? [] : asking) {
    const reasons = limited.map(({ name, level, because }) => `those of ${name} can be ${level} at most: ${because}`);
    fault(
      place("backup", complete.backup.policy === "verified" ? "policy" : "proof"),
      `backups are to be proven equal, and ${reasons.join("; ")}`,
      "write policy: always, with proof: { level: restored } where there is a restore command",
    );
  }
};

export const databaseRules: readonly Rule[] = [commandsBelongTogether, equalIsWithinReach];
