/** P3: from one delivery of GitHub to its answer: who asked is checked, the ledger says how it stands, GitHub is told. */
import { join } from "node:path";
import { githubProtectionRule, type ProtectionRule } from "../adapters/github/protection-rule.ts";
import { type Delivery, mostWebhookBytes, webhookRefused } from "../adapters/github/webhook.ts";
import { SluiceError } from "../domain/errors.ts";
import { type RuleAnswer, type RuleRequest, ruleAnswer } from "../domain/protection-rule.ts";
import type { Parts } from "../pipeline/parts.ts";
import { githubOptions, secretOf } from "./forges.ts";

export { type Delivery, mostWebhookBytes };

export interface Ruled extends RuleAnswer {
  readonly request: RuleRequest;
  /** False: GitHub knows it already, or nothing was to be sent. */
  readonly sent: boolean;
}

/** @param sends false: says what it would answer. */
export async function ruleOn(
  parts: Parts,
  delivery: Delivery,
  {
    stateFolder,
    sends,
    signal,
  }: { readonly stateFolder: string; readonly sends: boolean; readonly signal: AbortSignal },
): Promise<Ruled> {
  const rule = ruleOf(parts, stateFolder);
  const request = await rule.understand(delivery);
  const { environment } = parts.settings;
  if (request.environment !== environment)
    throw webhookRefused(`it is about ${request.environment}, not ${environment}`);
  const answer = await standOf(parts, request);
  return { ...answer, request, sent: sends && (await rule.answer(delivery, request, answer, signal)) };
}

function ruleOf({ settings, secrets, clock }: Parts, stateFolder: string): ProtectionRule {
  const { forge } = settings;
  const secret = forge?.auth.kind === "app" ? forge.auth.webhookSecret : undefined;
  if (forge === null || forge === undefined || secret === undefined) throw notConfigured(settings.environment);
  return githubProtectionRule({
    ...githubOptions(forge, secrets.resolve, clock),
    secret: secretOf(secret, secrets.resolve),
    folder: join(stateFolder, "github-deliveries"),
  });
}

const lookedAt = 200;

async function standOf({ ledger, settings }: Parts, request: RuleRequest): Promise<RuleAnswer> {
  const { environment, project } = settings;
  const rows = await ledger.deployments({ project, environment, limit: lookedAt });
  const row = rows.find(({ kind, commit }) => kind === "deploy" && commit === request.commit);
  return ruleAnswer(request, row && { ...row, events: await ledger.events(row.id, 0) });
}

const notConfigured = (environment: string): SluiceError =>
  new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: "app.github-rule",
    message: `${environment} names no GitHub App with a webhookSecret, so that nothing GitHub posts can be believed.`,
    hint: "Add github: { app: { id, key, webhookSecret: { secret: … } } }, then: sluice validate",
  });
