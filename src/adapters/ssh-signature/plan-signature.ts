/**
 * P2: an approval at the command line is an SSH signature over the plan's digest, with the key a person already has. What is
 * signed is the digest's text without a line end, so that anyone can check it without Sluice:
 *
 *     printf %s <digest> | ssh-keygen -Y verify -f allowed_signers -I <name> -n sluice-approval -s <signature file>
 *
 * The namespace keeps a signature from being used for anything else; a decision other than "approve" takes another one.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import { stripControl } from "../../domain/redactor.ts";
import { sshKeygen } from "./ssh-keygen.ts";

/** A rejection is signed under its own name: the signature of one is no proof of the other. */
export type SignatureNamespace = "sluice-approval" | "sluice-rejection" | "sluice-backup";

export interface SignOptions {
  readonly digest: string;
  /** A private key, or a public one whose private half is in the agent. */
  readonly keyFile: string;
  /** Default `sluice-approval`. */
  readonly namespace?: SignatureNamespace;
  readonly signal?: AbortSignal;
}

export interface SignedPlan {
  /** Armoured text, `-----BEGIN SSH SIGNATURE-----`. */
  readonly signature: string;
  /** `SHA256:…` of the key. */
  readonly keyFingerprint: string;
}

/** On a terminal ssh-keygen asks for the key's passphrase itself. Throws COMMAND_FAILED where the key cannot sign. */
export async function signPlanDigest(options: SignOptions): Promise<SignedPlan> {
  const { digest, keyFile, namespace = "sluice-approval", signal } = options;
  const args = ["-Y", "sign", "-q", "-f", keyFile, "-n", namespace];
  const signed = await sshKeygen(args, digest, signal);
  if (signed.exitCode !== 0) throw notSigned(keyFile, signed.stderr);
  const checked = await inFolder(signed.stdout, "", (files) => madeBy(files, digest, namespace, signal));
  if (checked === undefined) throw notSigned(keyFile, "the signature it made does not hold");
  return { signature: signed.stdout, keyFingerprint: checked };
}

const notSigned = (keyFile: string, detail: string): SluiceError =>
  new SluiceError({
    code: "COMMAND_FAILED",
    remedy: "operator",
    at: "approval.signature",
    message: `The plan could not be signed with the key ${keyFile}.`,
    hint: `See that the file is an SSH key of yours, readable only by you: ssh-keygen -l -f ${keyFile}`,
    evidence: stripControl(detail).slice(0, 2000),
  });

export interface VerifyOptions {
  readonly digest: string;
  readonly signature: string;
  /** As it stands in the allowed signers, e.g. `alice@example.org`. */
  readonly signerName: string;
  /** Text in OpenSSH's allowed_signers format. */
  readonly allowedSigners: string;
  /** Default `sluice-approval`. */
  readonly namespace?: SignatureNamespace;
  readonly signal?: AbortSignal;
}

export type SignatureFault = "malformed" | "wrong-digest" | "unknown-signer" | "wrong-key";

export type Verified =
  | { readonly kind: "valid"; readonly keyFingerprint: string }
  /** `message` is a sentence for people; branch on `fault`. */
  | { readonly kind: "invalid"; readonly fault: SignatureFault; readonly message: string };

interface SignatureFiles {
  readonly signature: string;
  readonly allowed: string;
}

/** A signature that does not hold is a value. Throws COMMAND_FAILED where ssh-keygen cannot be run. */
export async function verifyPlanDigest(options: VerifyOptions): Promise<Verified> {
  const { digest, signature, signerName, allowedSigners, namespace = "sluice-approval", signal } = options;
  if (!/^[^\s,*?!"\p{Cc}]+$/u.test(signerName))
    return invalid("unknown-signer", "The signer's name is not one that can be allowed.");
  if (!signature.trimStart().startsWith("-----BEGIN SSH SIGNATURE-----"))
    return invalid("malformed", "This is not an SSH signature.");
  return inFolder(signature, allowedSigners, async (files) => {
    const keyFingerprint = await madeBy(files, digest, namespace, signal);
    if (keyFingerprint === undefined) {
      return invalid(
        "wrong-digest",
        `The signature is damaged, or was made for something else than ${digest} in ${namespace}.`,
      );
    }
    const args = ["-Y", "verify", "-f", files.allowed, "-I", signerName, "-n", namespace, "-s", files.signature];
    const { exitCode } = await sshKeygen(args, digest, signal);
    if (exitCode === 0) return { kind: "valid", keyFingerprint };
    if (!namesSigner(allowedSigners, signerName))
      return invalid("unknown-signer", `${signerName} is not among the allowed signers.`);
    return invalid(
      "wrong-key",
      `The signature was made with ${keyFingerprint}, which is not allowed (any more) for ${signerName}.`,
    );
  });
}

const invalid = (fault: SignatureFault, message: string): Verified => ({ kind: "invalid", fault, message });

/** The fingerprint of whatever key made this signature over this text; undefined where none did. Says nothing about whose it is. */
async function madeBy(
  { signature }: SignatureFiles,
  digest: string,
  namespace: SignatureNamespace,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { exitCode, stdout } = await sshKeygen(
    ["-Y", "check-novalidate", "-n", namespace, "-s", signature],
    digest,
    signal,
  );
  return exitCode === 0 ? /SHA256:[A-Za-z0-9+/]{43}/.exec(stdout)?.[0] : undefined;
}

/** Only to find the words for a refusal that ssh-keygen has made; patterns in the file's first field are matched as it does. */
function namesSigner(allowedSigners: string, signerName: string): boolean {
  const fields = allowedSigners
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => /^"([^"]*)"|^(\S+)/.exec(line))
    .map((match) => match?.[1] ?? match?.[2] ?? "");
  return fields.some((field) => field.split(",").some((pattern) => patternTest(pattern).test(signerName)));
}

const patternTest = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[\\^$.+()[\]{}|]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );

/** Files in a folder of our own (0700), each 0600, gone afterwards. */
async function inFolder<T>(
  signature: string,
  allowedSigners: string,
  work: (files: SignatureFiles) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-signature-"));
  const files: SignatureFiles = { signature: join(folder, "plan.sig"), allowed: join(folder, "allowed_signers") };
  try {
    await writeFile(files.signature, signature, { mode: 0o600 });
    await writeFile(files.allowed, `${allowedSigners.trimEnd()}\n`, { mode: 0o600 });
    return await work(files);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
