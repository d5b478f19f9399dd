/** Which processes of the world are dead or stopped, and what that means for the code they were running. */

export type Mortality = ReturnType<typeof mortality>;

/** A dead process's call: it never comes back. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export function mortality() {
  const dead = new Set<string>();
  /** Resolves when the process goes on. */
  const paused = new Map<string, Promise<void>>();
  /** What a call of the process comes back with, if the process still lives by then. */
  const unlessDead = <T>(executorId: string, next: () => T | Promise<T>): T | Promise<T> =>
    dead.has(executorId) ? never<T>() : next();
  /** What comes back to the process: never where it is dead, and not before it goes on where it is stopped. */
  const whenAwake = <T>(executorId: string, next: () => T | Promise<T>): T | Promise<T> => {
    if (dead.has(executorId)) return never<T>();
    const pause = paused.get(executorId);
    return pause === undefined ? next() : pause.then(() => whenAwake(executorId, next));
  };
  return {
    kill: (executorId: string): void => void dead.add(executorId),
    isAlive: (executorId: string): boolean => !dead.has(executorId),
    unlessDead,
    whenAwake,
    /** SIGSTOP: nothing that the process waits for comes back to it before the function that is returned was called. */
    pause(executorId: string): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      paused.set(executorId, promise);
      return () => {
        paused.delete(executorId);
        resolve();
      };
    },
    /** `part` as the process uses it: once the process is dead, nothing it calls happens or returns. */
    mortal<T extends object>(executorId: string, part: T): T {
      const call = (member: (...given: unknown[]) => unknown, target: T, given: unknown[]) => {
        const result = unlessDead(executorId, () => Reflect.apply(member, target, given));
        if (!(result instanceof Promise)) return result;
        return result.then(
          (value: unknown) => whenAwake(executorId, () => value),
          (error: unknown) => whenAwake(executorId, () => Promise.reject(error as Error)),
        );
      };
      // A method is wrapped once: a deployment calls some of them many thousand times.
      const wrapped = new Map<string | symbol, { readonly member: unknown; readonly call: unknown }>();
      const wrap = (target: T, key: string | symbol, member: (...given: unknown[]) => unknown) => {
        const made = (...given: unknown[]) => call(member, target, given);
        wrapped.set(key, { member, call: made });
        return made;
      };
      return new Proxy(part, {
        get(target, key) {
          const member: unknown = Reflect.get(target, key, target);
          if (typeof member !== "function") return member;
          const known = wrapped.get(key);
          if (known?.member === member) return known.call;
          return wrap(target, key, member as (...given: unknown[]) => unknown);
        },
      });
    },
  };
}
