/** The forge and what is asked of it, as settings. */
import type { ForgeSettings, ForgeUse } from "../domain/forge-settings.ts";
import type { RequiredCheck } from "../domain/required-checks.ts";
import type { CompleteEnvironment, Configuration } from "./schema.ts";

export const forgeUse = ({ github }: Configuration, { ci }: CompleteEnvironment): Required<ForgeUse> => ({
  forge: github === undefined ? null : forgeSettings(github),
  requiredChecks: (ci.checks ?? []).map(requiredCheckOf),
});

function forgeSettings({ repository, url, token, app }: NonNullable<Configuration["github"]>): ForgeSettings {
  const place = { kind: "github", repository, url } as const;
  if (token) return { ...place, auth: { kind: "token", token } };
  if (app === undefined) throw new Error("the schema lets nothing pass without a token or an App");
  return { ...place, auth: { kind: "app", id: app.id, installation: app.installation ?? null, key: app.key } };
}

type WrittenCheck = NonNullable<CompleteEnvironment["ci"]["checks"]>[number];

function requiredCheckOf(written: WrittenCheck): RequiredCheck {
  if (typeof written === "string") return { kind: "app", name: written, app: "github-actions" };
  if ("status" in written) return { kind: "status", name: written.status, creator: written.creator ?? null };
  return { kind: "app", name: written.name, app: written.app };
}
