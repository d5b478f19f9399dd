/** Checks that can be run: addresses that are known, values that were saved, CI that can be asked. */
import { checkActionsOf } from "../domain/checks.ts";
import type { Path } from "./faults.ts";
import type { Rule, Rulebook, RuledEnvironment } from "./findings.ts";
import type { CompleteEnvironment } from "./schema.ts";
import { didYouMean } from "./suggestion.ts";

const addressesAreKnown: Rule = ({ environments, fault }) => {
  for (const { complete, name, place } of environments) {
    if (complete.url !== undefined) continue;
    const { checks, journeys } = complete.smoke;
    const addresses: readonly (readonly [string, Path])[] = [
      ...complete.health.map((check, index) => [check.url, place("health", index, "url")] as const),
      ...checks.map(
        (check, index) => ["url" in check ? check.url : "", place("smoke", "checks", index, "url")] as const,
      ),
      ...journeys.map((journey, index) => [journey.baseUrl, place("smoke", "journeys", index, "baseUrl")] as const),
    ];
    for (const [address, path] of addresses) {
      if (address.includes("{url}"))
        fault(path, `{url} stands for the url of ${name}, which has none`, `add environments.${name}.url`);
    }
  }
};

const namesAreDistinct: Rule = ({ environments, fault }) => {
  for (const { complete, place } of environments) {
    const lists = [
      { names: complete.health.map(({ name }) => name), path: ["health"] },
      { names: complete.smoke.checks.map(({ name }) => name), path: ["smoke", "checks"] },
      { names: complete.smoke.journeys.map(({ name }) => name), path: ["smoke", "journeys"] },
    ];
    for (const { names, path } of lists) {
      const doubled = names.findIndex((name, index) => names.indexOf(name) < index);
      if (doubled > 0)
        fault(
          place(...path, doubled, "name"),
          `"${names[doubled]}" is the name of an earlier one too`,
          "give each its own name, so that logs can be told apart",
        );
    }
  }
};

const journeysUseWhatTheySaved: Rule = (book) => {
  for (const environment of book.environments) {
    for (const [index, journey] of environment.complete.smoke.journeys.entries())
      journeyUses(book, environment, index, journey);
  }
};

type Journey = CompleteEnvironment["smoke"]["journeys"][number];

function journeyUses({ fault }: Rulebook, { place }: RuledEnvironment, at: number, journey: Journey): void {
  const saved: string[] = [];
  for (const [index, step] of journey.steps.entries()) {
    const parts = { path: step.path, headers: step.headers, json: step.json ?? null };
    for (const [part, value] of Object.entries(parts)) {
      const unknown = placeholdersOf(value).find((name) => !saved.includes(name));
      if (unknown === undefined) continue;
      const fix =
        saved.length === 0
          ? `save it in an earlier step: save: { ${unknown}: <JSON path> }`
          : didYouMean(unknown, saved);
      fault(place("smoke", "journeys", at, "steps", index, part), `{{${unknown}}} was saved by no earlier step`, fix);
    }
    saved.push(...Object.keys(step.save));
  }
}

const placeholdersOf = (value: unknown): readonly string[] =>
  [...JSON.stringify(value).matchAll(/\{\{\s*([^{}"\\]{0,64}?)\s*\}\}/g)].map(([, name = ""]) => name);

/** `version: 1.10` where text and numbers are both right: it would be compared as 1.1. */
const numbersAreMeant: Rule = ({ environments, written, fault }) => {
  for (const { complete, place } of environments) {
    const bodies: readonly (readonly [Readonly<Record<string, unknown>>, Path])[] = [
      ...complete.health.map((check, index) => [check.body, place("health", index, "body")] as const),
      ...complete.smoke.checks.map(
        (check, index) => ["body" in check ? check.body : {}, place("smoke", "checks", index, "body")] as const,
      ),
      ...complete.smoke.journeys.flatMap((journey, at) =>
        journey.steps.map(
          (step, index) =>
            [step.expect.json, place("smoke", "journeys", at, "steps", index, "expect", "json")] as const,
        ),
      ),
    ];
    for (const [path, value] of bodies.flatMap(([body, above]) =>
      Object.entries(body).map(([key, value]) => [[...above, key], value] as const),
    )) {
      const source = written.sourceText(path);
      if (typeof value !== "number" || source === undefined || source === String(value)) continue;
      fault(
        path,
        `${source} is read as the number ${value}`,
        `quote it: "${source}"; or, if the number is meant, write ${value}`,
      );
    }
  }
};

const ciChecksCanBeRead: Rule = ({ configuration, environments, fault }) => {
  for (const { complete, place } of environments) {
    const { command, checks } = complete.ci;
    if (checks === undefined) continue;
    if (configuration.github === undefined) {
      fault(place("ci", "checks"), "no repository at GitHub is named that has checks", "add github: { repository: … }");
    }
    if (command !== undefined) {
      fault(place("ci", "checks"), "CI is asked in two ways", "keep the checks or the command");
    }
  }
};

const ciCanBeAsked: Rule = ({ environments, fault, warn }) => {
  for (const { complete, name, place } of environments) {
    const actions = checkActionsOf(complete.policy, definedOf(complete.checks));
    const { command, checks } = complete.ci;
    if (command === undefined && checks === undefined && actions.ci === "block") {
      fault(
        place("ci", "command"),
        `CI must have passed in ${name}, and nothing says how to ask it`,
        'add ci: { checks: [test] } and github, or ci: { command: ["./ci-status", "{commit}"] }, or write checks: { ci: off }',
      );
    }
    if (command !== undefined && !command.some((word) => word.includes("{commit}"))) {
      warn(place("ci", "command"), "the command is not told which commit", 'add the word "{commit}"');
    }
  }
};

const definedOf = (checks: CompleteEnvironment["checks"]) =>
  Object.fromEntries(Object.entries(checks).filter(([, action]) => action !== undefined)) as Parameters<
    typeof checkActionsOf
  >[1];

const somethingIsAsked: Rule = ({ environments, warn }) => {
  for (const { complete, name, place } of environments) {
    if (complete.policy === "basic" || complete.health.length > 0) continue;
    warn(
      place("health"),
      `no health check is declared for ${name}: only the router's counters can show a fault`,
      'add health: [{ name: …, url: "{url}/health" }]',
    );
  }
};

export const checkRules: readonly Rule[] = [
  addressesAreKnown,
  namesAreDistinct,
  journeysUseWhatTheySaved,
  numbersAreMeant,
  ciChecksCanBeRead,
  ciCanBeAsked,
  somethingIsAsked,
];
