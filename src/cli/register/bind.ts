/** How a registered command is run: with a session, and its result as the process's exit code. */
import type { Session } from "../session.ts";

export type Action<Args extends readonly unknown[]> = (session: Session, ...args: Args) => Promise<number>;

export type Bind = <Args extends readonly unknown[]>(action: Action<Args>) => (...args: Args) => Promise<void>;
