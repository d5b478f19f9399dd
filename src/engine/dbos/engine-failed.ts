/** Faults of the engine itself, apart from those of the flows it runs. */
import { SluiceError } from "../../domain/errors.ts";

export const engineFailed = (message: string, cause?: unknown): SluiceError =>
  new SluiceError({
    code: "ENGINE_FAILED",
    remedy: "retry",
    at: "engine",
    message,
    hint: "Nothing that was journalled is lost. To look: sluice status",
    ...(cause === undefined ? {} : { cause }),
  });

export const startedByOtherVersion = (id: string, startedBy: string | undefined, here: string): SluiceError =>
  new SluiceError({
    code: "ENGINE_FAILED",
    remedy: "operator",
    at: "engine",
    message: `Flow ${id} was started by version ${startedBy} of Sluice; this is ${here}.`,
    hint: `Continue it with the version that started it: sluice resume ${id}`,
  });
