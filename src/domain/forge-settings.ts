/** Where the repository is at home, as settings: secrets are names. */
import type { RequiredCheck } from "./required-checks.ts";

export interface ForgeSettings {
  readonly kind: "github";
  /** `acme/shop`. */
  readonly repository: string;
  /** The base of the API. */
  readonly url: string;
  readonly auth:
    | { readonly kind: "token"; readonly token: { readonly secret: string } }
    | {
        readonly kind: "app";
        readonly id: number;
        readonly installation: number | null;
        readonly key: { readonly secret: string };
        /** Absent: nothing that GitHub posts is believed. */
        readonly webhookSecret?: { readonly secret: string };
      };
}

/** What is told at a forge. */
export const forgeTopics = ["deployments", "statuses", "issues", "releases", "candidates"] as const;
export type ForgeTopic = (typeof forgeTopics)[number];

/** Absent in settings journalled before there was a forge. */
export interface ForgeUse {
  readonly forge?: ForgeSettings | null;
  /** T7: empty where a command asks CI, or nobody does. */
  readonly requiredChecks?: readonly RequiredCheck[];
}
