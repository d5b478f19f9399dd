/** Signals to this process belong to the child that does the work. */
import { constants as osConstants } from "node:os";
import { windows } from "./places.mjs";

/** Passes signals on to `child`; returns the function that stops it. A terminal's Ctrl-C reaches the child by itself. */
export function forwardSignals(child) {
  const handlers = ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGINT", "SIGQUIT"]
    .filter((name) => name in osConstants.signals && !(windows && name === "SIGUSR2"))
    .map((name) => {
      const fromTerminal = (name === "SIGINT" || name === "SIGQUIT") && process.stdin.isTTY;
      const handler = () => fromTerminal || child.kill(name);
      process.on(name, handler);
      return () => process.off(name, handler);
    });
  return () => {
    for (const stop of handlers) stop();
  };
}
