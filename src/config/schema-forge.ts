/** GitHub: which repository, with what right, and which of its checks must have passed. */
import { z } from "zod";
import { forgeTopics } from "../domain/forge-settings.ts";
import { count, httpUrl, key, line, say, secretName, shown } from "./schema-values.ts";

const secretRef = (example: string) => z.strictObject({ secret: key(secretName(), "Name of a secret.", example) });

const App = z.strictObject({
  id: key(count(1, Number.MAX_SAFE_INTEGER), "Id of the App.", 4711),
  installation: key(
    count(1, Number.MAX_SAFE_INTEGER).optional(),
    "Id of its installation; asked of GitHub unless it is given.",
    99,
  ),
  key: key(secretRef("GITHUB_APP_KEY"), "Its private key, as GitHub hands it out (PEM).", { secret: "GITHUB_APP_KEY" }),
  webhookSecret: key(
    secretRef("GITHUB_WEBHOOK_SECRET").optional(),
    "With what GitHub signs what it posts; needed where Sluice is a deployment protection rule.",
    { secret: "GITHUB_WEBHOOK_SECRET" },
  ),
});

export const github = () =>
  key(
    z
      .strictObject({
        repository: key(
          z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, {
            error: ({ input }) => say(`${shown(input)} names no repository`, "write owner/name, as in acme/shop"),
          }),
          "The repository.",
          "acme/shop",
        ),
        url: key(
          httpUrl().default("https://api.github.com"),
          "Base of the API; GitHub Enterprise Server has it below /api/v3.",
          "https://github.example.com/api/v3",
        ),
        token: key(secretRef("GITHUB_TOKEN").optional(), "A token.", { secret: "GITHUB_TOKEN" }),
        app: key(App.optional(), "A GitHub App, instead of a token."),
      })
      .refine(({ token, app }) => (token === undefined) !== (app === undefined), {
        error: say("GitHub is asked with a token or as an App", "give one of token and app"),
      })
      .optional(),
    "The repository at GitHub: its checks, and where people look for what became of a deployment.",
    { repository: "acme/shop", token: { secret: "GITHUB_TOKEN" } },
  );

const checkName = () => line().max(255);

/** A name alone is a check of GitHub Actions. */
export const requiredCheck = () =>
  z.union(
    [
      checkName(),
      z.strictObject({
        name: key(checkName(), "Name of the check run.", "test"),
        app: key(
          z.union([count(1, Number.MAX_SAFE_INTEGER), line().max(100)]).default("github-actions"),
          "The App that must have made it, by its id or its name in addresses.",
          "github-actions",
        ),
      }),
      z.strictObject({
        status: key(checkName(), "Context of a commit status.", "security/scan"),
        creator: key(
          line().max(100).optional(),
          "Who must have set it; unless named anyone who may write to the repository.",
          "scanner-bot",
        ),
      }),
    ],
    { error: say("that names no check", 'write "test", { name: test, app: github-actions } or { status: … }') },
  );

const label = () =>
  line()
    .max(50)
    .refine((text) => !text.includes(","), {
      error: say("a label holds a comma", "GitHub's lists of labels are cut there"),
    });

/** What a channel of the kind `github` has besides its events. */
export const forgeChannel = () => ({
  kind: key(z.literal("github"), "The repository at GitHub that `github` names.", "github"),
  tell: key(
    z.array(z.enum(forgeTopics)).min(1).default(["deployments", "statuses", "issues", "releases"]),
    "deployments and their statuses; statuses of the commit; issues, one for each incident, closed by the next success; the releases of deployed tags; candidates, a release rc-X.Y.Z after a success.",
    ["deployments", "issues"],
  ),
  labels: key(
    z.array(label()).min(1).max(20).default(["sluice-incident"]),
    "Labels of the issues; by the first one Sluice finds its own again.",
    ["sluice-incident", "production"],
  ),
  workflows: key(
    z
      .array(
        z.string().regex(/^[A-Za-z0-9._-]{1,100}\.ya?ml$/, {
          error: ({ input }) => say(`${shown(input)} names no workflow`, "write its file name, as in e2e.yml"),
        }),
      )
      .max(20)
      .default([]),
    "File names of workflows that are started on the tag of a candidate (T10).",
    ["e2e.yml"],
  ),
});
