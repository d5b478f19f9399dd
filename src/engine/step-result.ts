/**
 * What the journal keeps of a step: its value or its failure, as JSON text of our own. Neither engine relies on how a
 * library writes errors, so an error keeps its code across a replay, and the first run sees exactly what a replay sees.
 */
import { type Failure, failureOf, SluiceError } from "../domain/errors.ts";
import { FlowLost } from "../ports/flow.ts";

type StepResult = { readonly ok: true; readonly value?: unknown } | { readonly ok: false; readonly failure: Failure };

/** Runs the body and returns its result as text. Only `FlowLost` is thrown: that is no result. */
export async function recordStep(name: string, body: () => Promise<unknown>): Promise<string> {
  try {
    const value = await body();
    return JSON.stringify({ ok: true, value } satisfies StepResult);
  } catch (thrown) {
    if (thrown instanceof FlowLost) throw thrown;
    return JSON.stringify({ ok: false, failure: failureOf(thrown, `step ${name}`) } satisfies StepResult);
  }
}

/** The step's value, or its failure thrown as `SluiceError`. */
export function replayStep<T>(text: string): T {
  const result = JSON.parse(text) as StepResult;
  if (!result.ok) throw new SluiceError(result.failure);
  return result.value as T;
}
