/** What a command works with: the project, its ledger when it is needed, the output, and who is asking. Opened as it is used. */
import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { hasState } from "../app/known-state.ts";
import type { Parts } from "../app/model.ts";
import type { Project } from "../app/project.ts";
import type { State } from "../app/state.ts";
import { SluiceError } from "../domain/errors.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { type Output, openOutput } from "./output.ts";

export interface GlobalOptions {
  readonly project?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly as?: string;
}

export interface Session {
  readonly output: Output;
  /** Absolute. */
  readonly projectFolder: string;
  /** Absolute: `.sluice` in the project's folder. */
  readonly stateFolder: string;
  /** As given, relative to the project's folder or absolute. */
  readonly configurationFile: string;
  /** The person, as the audit trail names them. */
  readonly user: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C, with CANCELLED as its reason. From the first look at it on, a signal no longer ends the process. */
  readonly interrupted: AbortSignal;
  project(): Promise<Project>;
  settings(environment: string): Promise<EnvironmentSettings>;
  /** Makes what is missing. */
  state(): Promise<State>;
  /** Undefined where nothing was ever deployed: asking for it must not create a database. */
  knownState(): Promise<State | undefined>;
  parts(settings: EnvironmentSettings): Promise<Parts>;
  close(): Promise<void>;
}

export function openSession(options: GlobalOptions): Session {
  const { env } = process;
  const output = openOutput({ json: options.json === true });
  const projectFolder = resolve(options.project ?? env["SLUICE_PROJECT"] ?? ".");
  const stateFolder = join(projectFolder, ".sluice");
  const configurationFile = options.config ?? "sluice.yaml";
  let project: Promise<Project> | undefined;
  let state: Promise<State> | undefined;
  let interruption: AbortController | undefined;
  const interrupt = () => interruption?.abort(interruptedBy());
  // Empty is what a workflow gives where its secret is not there.
  const url = env["SLUICE_DATABASE_URL"] || undefined;

  const session: Session = {
    output,
    projectFolder,
    stateFolder,
    configurationFile,
    user: options.as ?? env["SLUICE_USER"] ?? localUser(),
    environment: env,
    get interrupted() {
      if (interruption === undefined) {
        interruption = new AbortController();
        process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
      }
      return interruption.signal;
    },
    project() {
      project ??= import("../app/project.ts").then(({ openProject }) => openProject(projectFolder, configurationFile));
      return project;
    },
    settings: async (environment) => (await session.project()).settings(environment),
    state() {
      state ??= refuseNoProject(session).then(async () =>
        (await import("../app/state.ts")).openState({ url, stateFolder }),
      );
      return state;
    },
    async knownState() {
      await refuseNoProject(session);
      const known = url !== undefined || hasState(stateFolder);
      return known ? session.state() : undefined;
    },
    async parts(settings) {
      const [{ ledger }, { wire }, { machineClock }] = await Promise.all([
        session.state(),
        import("../app/wire.ts"),
        import("../app/clock.ts"),
      ]);
      const parts = wire(settings, { clock: machineClock, ledger, projectFolder, stateFolder, environment: env });
      output.redactWith(parts.redactor);
      return parts;
    },
    async close() {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
      await (await state)?.close();
    },
  };
  return session;
}

/** State belongs to a project: a database must not be made in whatever folder somebody happens to be in. */
async function refuseNoProject(session: Session): Promise<void> {
  if (!existsSync(resolve(session.projectFolder, session.configurationFile))) await session.project();
}

const interruptedBy = (): SluiceError =>
  new SluiceError({
    code: "CANCELLED",
    remedy: "operator",
    at: "cli",
    message: "Interrupted before it was done.",
    hint: "What was begun has been ended in order. See what is there: sluice status",
  });

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `someone@${hostname()}`;
  }
}
