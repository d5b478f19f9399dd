/** P3, P6: approvals that can be given, by people whose signatures can be checked. */
import type { Rule, Rulebook, RuledEnvironment } from "./findings.ts";

const approvalsCanBeGiven: Rule = (book) => {
  for (const environment of book.environments) {
    const { required } = environment.complete.approvals;
    declaredOnlyWhereAllowed(book, environment);
    noApproverTwice(book, environment);
    if (required === 0) continue;
    const principals = signaturesCanBeChecked(book, environment);
    enoughApprovers(book, environment, principals);
  }
};

function declaredOnlyWhereAllowed({ fault, warn }: Rulebook, { complete, place }: RuledEnvironment): void {
  if (!complete.approvals.acceptDeclared || complete.policy === "basic") return;
  const path = place("approvals", "acceptDeclared");
  if (complete.policy === "strict")
    fault(
      path,
      "the policy strict takes no approval without a signature",
      "write acceptDeclared: false, or another policy",
    );
  else
    warn(
      path,
      "approvals without a signature count: anybody can approve in anybody's name",
      "write acceptDeclared: false",
    );
}

const plain = (name: string): string => name.trim().toLowerCase();

function noApproverTwice({ warn }: Rulebook, { complete, place }: RuledEnvironment): void {
  const names = complete.approvals.approvers.map(plain);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index)
      warn(
        place("approvals", "approvers", index),
        `${name} stands here twice and counts once`,
        "remove one of the two",
      );
  }
}

/** The principals of the allowed signers; undefined where they are not needed or cannot be told. */
function signaturesCanBeChecked(book: Rulebook, { complete, place }: RuledEnvironment): readonly string[] | undefined {
  const { acceptDeclared, allowedSigners, approvers } = complete.approvals;
  if (acceptDeclared) return undefined;
  if (allowedSigners === undefined) {
    book.fault(
      place("approvals", "allowedSigners"),
      "approvals are checked by signature, and there is no file of allowed signers",
      "add allowedSigners: <file>, or write required: 0",
    );
    return undefined;
  }
  const text = book.readFile && readSafely(book.readFile, allowedSigners);
  if (book.readFile && text === undefined)
    book.fault(
      place("approvals", "allowedSigners"),
      `the file ${allowedSigners} cannot be read`,
      "write it: one line each, name, key type, public key",
    );
  if (text === undefined) return undefined;
  const principals = principalsOf(text);
  for (const [index, approver] of approvers.entries()) {
    if (principals.some((pattern) => matches(pattern, approver))) continue;
    book.fault(
      place("approvals", "approvers", index),
      `${approver} has no key in ${allowedSigners}`,
      `add a line to ${allowedSigners}: ${approver} <key type> <public key>`,
    );
  }
  return principals;
}

function readSafely(readFile: (path: string) => string, path: string): string | undefined {
  try {
    return readFile(path);
  } catch {
    return undefined;
  }
}

/** First field of each line: names, or patterns, between commas; in quotes where it holds a space. */
export function principalsOf(allowedSigners: string): readonly string[] {
  return allowedSigners
    .split(/\r?\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "" && !text.startsWith("#"))
    .flatMap((text) => (/^"([^"]*)"/.exec(text)?.[1] ?? /^\S+/.exec(text)?.[0] ?? "").split(","));
}

/** `*` and `?` as ssh-keygen has them; compared letter by letter, as it does. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(name);
}

function enoughApprovers(
  book: Rulebook,
  { complete, place, name }: RuledEnvironment,
  principals: readonly string[] | undefined,
): void {
  const { approvers, excludeAuthor, required } = complete.approvals;
  const possible = approvers.length > 0 ? approvers : principals;
  // Anybody may approve, or a pattern stands for people we cannot count.
  if (possible === undefined || possible.some((one) => /[*?]/.test(one))) return;
  const people = new Set(possible.map(plain)).size;
  const path = place("approvals", "required");
  const there = people === 1 ? "there is 1 approver" : `there are ${people} approvers`;
  if (required > people) {
    const what = `${required} approvals are required in ${name}, and ${there}: nothing could ever be deployed`;
    book.fault(path, what, "name more approvers, or require fewer");
    return;
  }
  const barred = excludeAuthor ? 2 : 1;
  if (required <= people - barred) return;
  const who = excludeAuthor ? "The starter and the commit's author do" : "The one who starts it does";
  const what = `${required} approvals are required, and ${there}. ${who} not count: too few may be left`;
  book.warn(path, what, "name one or two more approvers");
}

export const approvalRules: readonly Rule[] = [approvalsCanBeGiven];
