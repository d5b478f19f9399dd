/**
 * P3: Sluice as a custom deployment protection rule. A delivery is answered once: what was told is kept, so that a replay is refused,
 * and a delivery that was only waited with can be looked at again. GitHub signs the body and not the delivery's id: whoever has an old
 * body could give it a new id, and its run may have been started again since. So both are remembered.
 */
import { hash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { RuleAnswer, RuleRequest } from "../../domain/protection-rule.ts";
import type { Secret } from "../../domain/secret.ts";
import { readJson, writeDurably } from "../durable-file.ts";
import { type GithubOptions, githubClient } from "./client.ts";
import { shortened } from "./limits.ts";
import { type Delivery, requireSignature, ruleRequestIn, webhookRefused } from "./webhook.ts";

export interface ProtectionRuleOptions extends GithubOptions {
  /** Of the App's webhook. */
  readonly secret: Secret;
  /** Where it is kept what was answered. */
  readonly folder: string;
}

export interface ProtectionRule {
  /** Refuses what is not signed, not whole, of another repository, or answered: WEBHOOK_REFUSED. */
  understand(delivery: Delivery): Promise<RuleRequest>;
  /** False where the same was told before. */
  answer(delivery: Delivery, request: RuleRequest, answer: RuleAnswer, signal: AbortSignal): Promise<boolean>;
}

/**
 * GitHub's guide "Creating custom deployment protection rules": a status report has up to 1,024 characters, and there are up to ten on
 * one deployment. Its API description names no limit. Whether they hold for the comment of a decision too is not said: it is cut alike,
 * and the last of the ten is left for it.
 */
const longestComment = 1_024;
const mostReports = 10 - 1;
/** By GitHub's documentation a run can be started again for 30 days, and a job waits for 30 days: after that it takes no answer. */
const keptMs = 90 * 86_400_000;

interface Kept {
  readonly decided: boolean;
  readonly reports: readonly string[];
}

export function githubProtectionRule(options: ProtectionRuleOptions): ProtectionRule {
  const { auth, secret, folder, clock } = options;
  if (auth.kind !== "app") throw appNeeded(options.repository);
  const client = githubClient(options);
  const fileOf = (key: string | Buffer) => join(folder, `${hash("sha256", key)}.json`);
  const filesOf = ({ body, id }: Delivery) => [fileOf(body), fileOf(id)] as const;
  const keptIn = async (file: string): Promise<Kept> => (await readJson<Kept>(file)) ?? { decided: false, reports: [] };

  return {
    async understand(delivery) {
      requireSignature(delivery, secret);
      if (!/^[0-9A-Za-z-]{8,100}$/.test(delivery.id)) throw webhookRefused("it has no id of a delivery");
      const request = ruleRequestIn(delivery, options);
      for (const file of filesOf(delivery)) {
        if ((await keptIn(file)).decided) throw webhookRefused(`delivery ${delivery.id} was answered before`);
      }
      return request;
    },

    async answer(delivery, { environment, runId }, { kind, comment: text }, signal) {
      const files = filesOf(delivery);
      const { reports } = await keptIn(files[0]);
      const comment = shortened(text, longestComment);
      if (kind === "waiting" && (reports.includes(comment) || reports.length >= mostReports)) return false;
      const common = { ...client.here, run_id: runId, environment_name: environment, comment };
      await client.ask({ what: "deployment protection rules" }, signal, (request) =>
        request("POST /repos/{owner}/{repo}/actions/runs/{run_id}/deployment_protection_rule", {
          ...common,
          ...(kind === "waiting" ? {} : { state: kind }),
        }),
      );
      const kept: Kept = { decided: kind !== "waiting", reports: [...reports, comment] };
      for (const file of files) await writeDurably(file, JSON.stringify(kept));
      await forgetOld(folder, clock.now() - keptMs);
      return true;
    },
  };
}

async function forgetOld(folder: string, beforeMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < beforeMs) await rm(path, { force: true });
  }
}

const appNeeded = (repository: string): SluiceError =>
  new SluiceError({
    code: "FORGE_REFUSED",
    remedy: "operator",
    at: "adapters.github",
    message: `GitHub lets only an App answer a deployment protection rule of ${repository}, and a token is configured.`,
    hint: "Configure github.app with its key and webhookSecret, then: sluice validate",
  });
