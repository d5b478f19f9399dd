/** Choices that follow from a walk's seed. */
export type Chance = () => number;

export const among = <T>(chance: Chance, choices: readonly T[]): T =>
  choices[Math.floor(chance() * choices.length)] as T;
