/** What a rollback by hand would return to, for the command line to show and to refuse. */
export { type RollbackTarget, rollbackTarget, windowFault } from "../pipeline/rollback.ts";
