/** Addresses that checks are given: parsed once, refused at load where they cannot be meant. */
import { SluiceError } from "../../domain/errors.ts";

export function httpUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw invalid(name, "its URL is not an http:// or https:// address", "Correct the URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid(name, "its URL holds credentials, which would end in logs", "Send them in a header, as a secret");
  }
  return url;
}

/** Without query and fragment, which may hold what nobody should read. */
export const shownUrl = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

export const invalid = (name: string, what: string, remedy: string): SluiceError =>
  new SluiceError({
    code: "CONFIG_INVALID",
    remedy: "operator",
    at: `checks.${name}`,
    message: `The check ${name}: ${what}.`,
    hint: `${remedy}, then run: sluice validate`,
  });
