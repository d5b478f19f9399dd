export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

export const hold = (invariant: string, holds: boolean, message: () => string): void => {
  if (!holds) throw new Violation(invariant, message());
};

export const same = (invariant: string, seen: unknown, wanted: unknown, what: string): void =>
  hold(
    invariant,
    JSON.stringify(seen) === JSON.stringify(wanted),
    () => `${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`,
  );
