/** T1: what starts a deployment from a forge. */
export const startTriggers = ["tag-push", "branch-push", "dispatch", "call"] as const;
export type StartTrigger = (typeof startTriggers)[number];
