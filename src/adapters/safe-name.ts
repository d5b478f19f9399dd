/** Names that become parts of paths: nothing that could leave its folder, or be taken for an option. */
import { SluiceError } from "../domain/errors.ts";

const safeName = /^[A-Za-z0-9][A-Za-z0-9._~+-]*$/;

/** The name itself, or USAGE where it may not become a part of a path. */
export function pathPart(name: string, what: string): string {
  if (safeName.test(name) && name.length <= 200) return name;
  throw new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "adapters.safe-name",
    message: `The ${what} ${JSON.stringify(name.slice(0, 80))} cannot be used: only letters, digits and . _ ~ + - (not first) may occur, 200 at most.`,
    hint: "Correct the name, then check with: sluice validate",
  });
}
