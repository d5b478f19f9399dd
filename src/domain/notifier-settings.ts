import type { ForgeTopic } from "./forge-settings.ts";

/** The channels of an environment, as they are resolved: secrets by name, and which events each is told of. */
interface Channel<Kind extends string> {
  readonly name: string;
  readonly kind: Kind;
  /** Empty: all of them. */
  readonly events: readonly string[];
}

interface SecretReference {
  readonly secret: string;
}

export interface LogFileSettings extends Channel<"log-file"> {
  readonly file: string;
}

export interface WebhookSettings extends Channel<"webhook"> {
  readonly url: string | SecretReference;
  readonly signingSecret: SecretReference | null;
  /** Absent in settings journalled before there was a choice. */
  readonly format?: "sluice" | "cdevents";
}

export interface SlackSettings extends Channel<"slack"> {
  readonly way:
    | { readonly kind: "webhook"; readonly url: SecretReference }
    | { readonly kind: "bot"; readonly api: string; readonly token: SecretReference; readonly channel: string };
  readonly onCall: readonly string[];
}

export interface EmailSettings extends Channel<"email"> {
  readonly server: string;
  readonly login: { readonly user: string; readonly password: SecretReference } | null;
  readonly from: string;
  readonly to: readonly string[];
}

export interface StatuspageSettings extends Channel<"statuspage"> {
  readonly api: string;
  readonly page: string;
  readonly token: SecretReference;
  readonly components: readonly string[];
}

export interface PagerDutySettings extends Channel<"pagerduty"> {
  readonly api: string;
  readonly routingKey: SecretReference;
}

export interface GithubSettings extends Channel<"github"> {
  readonly topics: readonly ForgeTopic[];
  readonly labels: readonly string[];
  readonly workflows: readonly string[];
}

export type NotifierSettings =
  | LogFileSettings
  | WebhookSettings
  | SlackSettings
  | EmailSettings
  | StatuspageSettings
  | PagerDutySettings
  | GithubSettings;
