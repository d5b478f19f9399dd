/** P1: a risk assessment that gives its reasons; a number without reasons would be an opinion. */
export type RiskLevel = "low" | "medium" | "high";

export interface RiskReason {
  readonly level: RiskLevel;
  readonly text: string;
}

export interface Risk {
  readonly level: RiskLevel;
  readonly reasons: readonly RiskReason[];
}

export interface RiskFacts {
  readonly firstDeployment: boolean;
  readonly skippedChecks: readonly string[];
  readonly warnings: readonly string[];
  readonly migrations: number;
  readonly breakingMigrations: readonly string[];
  readonly databases: number;
  readonly backupPolicy: string;
  readonly commits: number;
  readonly majorVersionChange: boolean;
  readonly olderThanServing: boolean;
  readonly firstStepPercent: number;
  readonly fencingChecked: readonly string[];
  readonly migrateBesideBuild: boolean;
}

const levels: readonly RiskLevel[] = ["low", "medium", "high"];

export function assessRisk(facts: RiskFacts): Risk {
  const reasons: RiskReason[] = [];
  const add = (when: boolean, level: RiskLevel, text: string) => {
    if (when) reasons.push({ level, text });
  };
  add(
    facts.breakingMigrations.length > 0,
    "high",
    `migrations break the version that serves: ${facts.breakingMigrations.join(", ")}`,
  );
  add(
    facts.databases > 0 && facts.migrations > 0 && facts.backupPolicy === "none",
    "high",
    "migrations run without a backup",
  );
  add(facts.olderThanServing, "high", "the release is older than the one that serves");
  add(
    facts.firstDeployment,
    "medium",
    "nothing serves yet: there is no stable version to compare with or to go back to",
  );
  add(
    facts.migrations > 0,
    "medium",
    `${facts.migrations} migration${facts.migrations === 1 ? "" : "s"} change the database; a code rollback leaves them in place`,
  );
  add(
    facts.migrateBesideBuild,
    "medium",
    "migrations run beside the build: a build that fails leaves the schema ahead of the code",
  );
  add(facts.majorVersionChange, "medium", "the major version changes");
  add(
    facts.firstStepPercent > 25 && !facts.firstDeployment,
    "medium",
    `the first step already carries ${facts.firstStepPercent} % of the traffic`,
  );
  add(facts.commits > 50, "medium", `${facts.commits} commits at once`);
  add(facts.skippedChecks.length > 0, "medium", `checks switched off by hand: ${facts.skippedChecks.join(", ")}`);
  for (const warning of facts.warnings) add(true, "medium", warning);
  add(
    facts.fencingChecked.length > 0,
    "low",
    `fenced by check, not by the target itself: ${facts.fencingChecked.join(", ")}`,
  );
  const level = reasons.reduce<RiskLevel>(
    (worst, { level: next }) => (levels.indexOf(next) > levels.indexOf(worst) ? next : worst),
    "low",
  );
  return { level, reasons };
}
