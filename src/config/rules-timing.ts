/** Times that must fit into each other, and policies that forbid a value. */
import type { Rule, Rulebook, RuledEnvironment } from "./findings.ts";
import { durationText } from "./text-forms.ts";

const timesFit: Rule = (book) => {
  for (const environment of book.environments) {
    rolloutTimes(book, environment);
    observationTimes(book, environment);
    lockTimes(book, environment);
  }
};

function rolloutTimes({ fault, warn }: Rulebook, { complete, place }: RuledEnvironment): void {
  const { checkEvery, onUnknown, steps, unattended } = complete.rollout;
  const short = steps.findIndex(({ bake }) => bake < checkEvery);
  if (short >= 0) {
    const bake = durationText(steps[short]?.bake ?? 0);
    warn(
      place("rollout", "steps", short, "bake"),
      `health is checked every ${durationText(checkEvery)}, and this step is held for ${bake}`,
      "check more often, or hold it longer",
    );
  }
  if (unattended < 3 * checkEvery) {
    const least = durationText(3 * checkEvery);
    fault(
      place("rollout", "unattended"),
      `the router would go back on its own between two checks (every ${durationText(checkEvery)})`,
      `write ${least} or more`,
    );
  }
  if (onUnknown === "continue" && complete.policy === "strict") {
    fault(
      place("rollout", "onUnknown"),
      "the policy strict does not go on without knowing",
      "write roll-back, or another policy",
    );
  }
}

function observationTimes({ warn }: Rulebook, { complete, place }: RuledEnvironment): void {
  const { duration, every, failureLimit } = complete.observation;
  const rounds = Math.floor(duration / every);
  if (duration === 0 || rounds >= failureLimit) return;
  warn(
    place("observation", "duration"),
    `${rounds} probes fit into ${durationText(duration)}, and ${failureLimit} must fail in a row`,
    `write ${durationText(failureLimit * every)} or more`,
  );
}

function lockTimes({ fault }: Rulebook, { complete, place }: RuledEnvironment): void {
  const { heartbeat, lease } = complete.lock;
  if (heartbeat * 2 <= lease) return;
  fault(
    place("lock", "lease"),
    `one late heartbeat (every ${durationText(heartbeat)}) would lose the lock`,
    `write ${durationText(heartbeat * 2)} or more, or a shorter heartbeat`,
  );
}

const remindersComeInTime: Rule = ({ environments, warn }) => {
  for (const { complete, place } of environments) {
    const { remindEvery, required, timeout } = complete.approvals;
    if (required > 0 && remindEvery >= timeout)
      warn(
        place("approvals", "remindEvery"),
        `nobody is reminded: approvals expire after ${durationText(timeout)}`,
        "write a shorter time",
      );
  }
};

const backupsHaveSomethingToSave: Rule = ({ configuration, environments, warn }) => {
  const databases = Object.keys(configuration.databases).length;
  for (const { complete, name, place } of environments) {
    const { policy } = complete.backup;
    if (policy === "verified" && databases === 0) {
      warn(
        place("backup", "policy"),
        `verified backups are asked for in ${name}, and there is no database`,
        "declare it under `databases`, or write policy: none",
      );
    }
    if (policy === "none" && complete.policy === "strict" && databases > 0) {
      warn(
        place("backup", "policy"),
        `nothing is backed up in ${name} although its policy is strict`,
        "write verified",
      );
    }
  }
};

/** "Verified" is said of what was restored and found equal, of nothing less (Z3). */
const verifiedMeansEqual: Rule = ({ environments, fault }) => {
  for (const { complete, place } of environments) {
    const { policy, proof } = complete.backup;
    if (policy !== "verified" || proof.level === undefined || proof.level === "equal") continue;
    fault(
      place("backup", "proof"),
      `backups are to be verified and only proven ${proof.level}`,
      "write level: equal, or policy: always",
    );
  }
};

const oneActionForObservation: Rule = ({ layers, fault }) => {
  for (const { path, written } of layers) {
    const action = written.observation?.action;
    const same = written.rollback?.on?.observation;
    if (action === undefined || same === undefined || action === same) continue;
    fault(
      [...path, "rollback", "on", "observation"],
      `it is ${same} here and ${action} in observation.action, and the two are one setting`,
      "write it once",
    );
  }
};

export const timingRules: readonly Rule[] = [
  timesFit,
  remindersComeInTime,
  backupsHaveSomethingToSave,
  verifiedMeansEqual,
  oneActionForObservation,
];
