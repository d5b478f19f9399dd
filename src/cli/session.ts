/** What a command works with: the project, its ledger when it is needed, the output, and who is asking. */
import { hostname, userInfo } from "node:os";
import { resolve } from "node:path";
import { machineClock } from "../app/clock.ts";
import { openProject, type Project } from "../app/project.ts";
import { openState, type State } from "../app/state.ts";
import { wire } from "../app/wire.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import type { Parts } from "../pipeline/parts.ts";
import { openOutput, type Output } from "./output.ts";

export interface GlobalOptions {
  readonly project?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly as?: string;
}

export interface Session {
  readonly output: Output;
  readonly projectFolder: string;
  /** The person, as the audit trail names them. */
  readonly user: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  project(): Project;
  state(): Promise<State>;
  parts(settings: EnvironmentSettings): Promise<Parts>;
  close(): Promise<void>;
}

export function openSession(options: GlobalOptions): Session {
  const output = openOutput({ json: options.json === true, color: process.env["NO_COLOR"] === undefined });
  const projectFolder = resolve(options.project ?? process.env["SLUICE_PROJECT"] ?? ".");
  let project: Project | undefined;
  let state: Promise<State> | undefined;
  const session: Session = {
    output,
    projectFolder,
    user: options.as ?? process.env["SLUICE_USER"] ?? localUser(),
    environment: process.env,
    project() {
      project ??= openProject(projectFolder, options.config);
      return project;
    },
    state() {
      state ??= openState({ url: process.env["SLUICE_DATABASE_URL"], stateFolder: session.project().stateFolder });
      return state;
    },
    async parts(settings) {
      const { ledger } = await session.state();
      const { stateFolder } = session.project();
      const parts = wire(settings, { clock: machineClock, ledger, projectFolder, stateFolder, environment: process.env });
      output.redactWith(parts.redactor);
      return parts;
    },
    async close() {
      await (await state)?.close();
    },
  };
  return session;
}

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `someone@${hostname()}`;
  }
}
