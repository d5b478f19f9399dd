/** Why a plan goes no further, in the words that a deployment would use. */
export { refuseBlocked } from "../pipeline/stages/plan.ts";
