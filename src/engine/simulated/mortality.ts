/** Which processes of the world are dead, and what that means for the code they were running. */

export type Mortality = ReturnType<typeof mortality>;

/** A dead process's call: it never comes back. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export function mortality() {
  const dead = new Set<string>();
  /** What a call of the process comes back with, if the process still lives by then. */
  const unlessDead = <T>(executorId: string, next: () => T | Promise<T>): T | Promise<T> =>
    dead.has(executorId) ? never<T>() : next();
  return {
    kill: (executorId: string): void => void dead.add(executorId),
    isAlive: (executorId: string): boolean => !dead.has(executorId),
    unlessDead,
    /** `part` as the process uses it: once the process is dead, nothing it calls happens or returns. */
    mortal<T extends object>(executorId: string, part: T): T {
      const call = (member: (...given: unknown[]) => unknown, target: T, given: unknown[]) => {
        const result = unlessDead(executorId, () => Reflect.apply(member, target, given));
        if (!(result instanceof Promise)) return result;
        return result.then(
          (value: unknown) => unlessDead(executorId, () => value),
          (error: unknown) => unlessDead(executorId, () => Promise.reject(error as Error)),
        );
      };
      return new Proxy(part, {
        get(target, key) {
          const member: unknown = Reflect.get(target, key, target);
          if (typeof member !== "function") return member;
          return (...given: unknown[]) => call(member as (...given: unknown[]) => unknown, target, given);
        },
      });
    },
  };
}
