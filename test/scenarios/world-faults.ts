/** What is broken in a world now, and the parts as the pipeline gets them: seen through what is broken. */
import type { Attempt } from "../../src/domain/attempt.ts";
import { SluiceError } from "../../src/domain/errors.ts";
import { type Split, sameWeights } from "../../src/domain/traffic.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Router } from "../../src/ports/router.ts";
import type { MemoryRouter } from "../../src/testing/memory-router.ts";
import { seenThrough } from "./world-wrap.ts";

const switchedOff = {
  routerDown: false,
  targetDown: false,
  /** Every other call is answered with 429 or 503. */
  targetThrottles: false,
  routerThrottles: false,
  /** What is asked of target and routers arrives late: also when whoever asked has died, or was replaced, meanwhile. */
  networkSlow: false,
  /** Each change that is asked of target and routers is made twice, one after the other. */
  callsTwice: false,
  /** Says of new weights that they are in force, and reads them back, but the traffic stays where it was. */
  routerPretends: false,
  /** Says that it obeyed, and did not; reads back what is. */
  routerIgnores: false,
  /** Obeys, and reads back the weights of before. */
  routerShowsOld: false,
  ledgerAway: false,
  /** The ledger does what it is asked, and the connection breaks before it says so. */
  ledgerAnswersLost: false,
  channelDown: false,
  /** The channel takes a notification and never answers. */
  channelHangs: false,
  recordsFolderDown: false,
  /** Every other write into the records folder fails. */
  recordsWriteErrors: false,
  storeFull: false,
  /** What is put into the store is damaged there. */
  storeSpoils: false,
  /** The store keeps another dump, whole in itself, under the name of the new one. */
  storeMixesUp: false,
  checkpointsAway: false,
  /** Instances and services say that they are sick, and are not. */
  healthLies: false,
};

export type FaultName = keyof typeof switchedOff;

/** A test switches them on and off. */
export interface Faults extends Record<FaultName, boolean> {
  /** How often each of them has made a difference. */
  readonly met: Map<FaultName, number>;
}

export const noFaults = (): Faults => ({ ...switchedOff, met: new Map() });

/** Is it broken now? Counted where it is. */
export function meets(faults: Faults, name: FaultName): boolean {
  if (faults[name]) faults.met.set(name, (faults.met.get(name) ?? 0) + 1);
  return faults[name];
}

/** Longer than a lease: a successor may be at work when it arrives. */
const lateByMs = 6_000;

export const late = <T extends object>(part: T, faults: Faults, clock: Clock): T =>
  seenThrough(part, (call, name) =>
    name === "instructions"
      ? undefined
      : (...given) =>
          meets(faults, "networkSlow") ? clock.sleep(lateByMs).then(() => call(...given)) : call(...given),
  );

/** Every method but the pure ones rejects while it is switched on. */
export const failing = <T extends object>(part: T, faults: Faults, fault: FaultName, error: () => Error): T =>
  seenThrough(part, (call, name) =>
    name === "instructions"
      ? undefined
      : (...given) => (meets(faults, fault) ? Promise.reject(error()) : call(...given)),
  );

/** Every other call rejects while it is switched on. */
export function throttled<T extends object>(part: T, faults: Faults, fault: FaultName, error: () => Error): T {
  let calls = 0;
  const isRefused = () => faults[fault] && ++calls % 2 === 1 && meets(faults, fault);
  return seenThrough(part, (call, name) =>
    name === "instructions" ? undefined : (...given) => (isRefused() ? Promise.reject(error()) : call(...given)),
  );
}

const changing = new Set(["claim", "start", "stop", "shift", "drain", "prune"]);

export const twice = <T extends object>(part: T, faults: Faults): T =>
  seenThrough(part, (call, name) =>
    changing.has(name)
      ? async (...given) => {
          if (meets(faults, "callsTwice")) await call(...given);
          return call(...given);
        }
      : undefined,
  );

/** Its effects happen, and the answers are lost. */
export const answerless = <T extends object>(part: T, faults: Faults, error: () => Error): T =>
  seenThrough(part, (call) => async (...given) => {
    const answer = await call(...given);
    if (meets(faults, "ledgerAnswersLost")) throw error();
    return answer;
  });

/** A router that may lie about its weights. Once it no longer pretends, what it was last asked for is in force. */
export function lying(
  router: MemoryRouter,
  faults: Faults,
): { readonly seen: Router; readonly comeToSenses: () => void } {
  let pretended: Split | undefined;
  let before: Split | undefined;
  const observe = async (signal: AbortSignal): Promise<Split> => {
    if (pretended) return pretended;
    return before && meets(faults, "routerShowsOld") ? before : router.observe(signal);
  };
  /** Whether it does as it is told. */
  const obeys = async (to: Split, attempt: Attempt, signal: AbortSignal): Promise<boolean> => {
    const now = await router.observe(signal);
    if (sameWeights(now, to)) return true;
    if (faults.routerShowsOld) before = now;
    if (!faults.routerPretends && !faults.routerIgnores) return true;
    // It keeps to its fence, lying or not.
    await router.claim(attempt, signal);
    if (meets(faults, "routerPretends")) pretended = to;
    return !faults.routerPretends && !meets(faults, "routerIgnores");
  };
  const lies = () => faults.routerPretends || faults.routerShowsOld || faults.routerIgnores;
  const shift: Router["shift"] = async (to, attempt, signal, options) => {
    if (!lies() || (await obeys(to, attempt, signal))) await router.shift(to, attempt, signal, options);
  };
  const seen = seenThrough<Router>(router, (_call, name) => {
    if (name === "observe") return (signal) => observe(signal as AbortSignal);
    return name === "shift" ? (...given) => shift(...(given as Parameters<Router["shift"]>)) : undefined;
  });
  const comeToSenses = () => {
    if (pretended) router.edit(pretended);
    pretended = undefined;
    before = undefined;
  };
  return { seen, comeToSenses };
}

type Unreachable = "ROUTER_UNREACHABLE" | "TARGET_UNREACHABLE" | "LEDGER_UNREACHABLE";

const unreachable = (code: Unreachable, what: string) => () =>
  new SluiceError({
    code,
    remedy: "operator",
    at: "scenario",
    message: `The ${what} does not answer.`,
    hint: "Try again: sluice doctor",
  });
export const routerUnreachable = unreachable("ROUTER_UNREACHABLE", "router");
export const targetUnreachable = unreachable("TARGET_UNREACHABLE", "target");
export const ledgerUnreachable = unreachable("LEDGER_UNREACHABLE", "ledger");
