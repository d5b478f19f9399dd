/**
 * Takes secret texts out of what a child printed before it reaches a log, an error or a record: the one redactor of
 * domain/, fed with the values of an environment. A tool often prints the password of a URL alone, so that counts too.
 */
import { redactor as domainRedactor } from "../domain/redactor.ts";
import { Secret } from "../domain/secret.ts";

export type Redact = (text: string) => string;

/** A function that replaces every secret of `values`, and the passwords of those that are URLs, by `[NAME]`. */
export function redactor(values: Iterable<string | Secret>): Redact {
  const secrets = [...values].filter((value) => value instanceof Secret);
  return domainRedactor([...secrets, ...secrets.flatMap(passwordsOf)]).text;
}

function passwordsOf(secret: Secret): readonly Secret[] {
  const password = URL.parse(secret.reveal())?.password ?? "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)].map((text) => new Secret(secret.name, text));
  } catch {
    return [new Secret(secret.name, password)];
  }
}
