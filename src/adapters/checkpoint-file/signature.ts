/**
 * Checkpoints signed with an SSH key. What is signed is the checkpoint's JSON without a line end, so that anyone can check a line
 * without Sluice:
 *
 *     jq -cj .checkpoint line.json | ssh-keygen -Y verify -f allowed_signers -I <name> -n sluice-checkpoint -s <signature file>
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { CheckpointSignature } from "../../ports/checkpoints.ts";
import { checkedCommand, runCommand } from "../run-command.ts";

export const namespace = "sluice-checkpoint";

/** A key that asks for a passphrase, or an agent that waits for a touch, must not hold a deployment's lock. */
const timeoutMs = 10_000;
const agent = ["SSH_AUTH_SOCK"];

/** @returns armoured text. Throws COMMAND_FAILED where the key cannot sign without being asked for a passphrase. */
export async function signText(text: string, keyFile: string, signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  await checkedCommand(
    {
      argv: ["ssh-keygen", "-Y", "sign", "-q", "-f", keyFile, "-n", namespace],
      input: text,
      inheritEnv: agent,
      timeoutMs,
      signal,
      onLine: (line, stream) => {
        if (stream === "stdout") lines.push(line);
      },
    },
    {
      code: "COMMAND_FAILED",
      at: "audit.key",
      what: `The checkpoint could not be signed with ${keyFile}`,
      hint: `It must be an SSH key without a passphrase, or one in the agent: ssh-keygen -l -f ${keyFile}`,
    },
  );
  return `${lines.join("\n").trim()}\n`;
}

export interface SignedText {
  readonly text: string;
  readonly signature: string;
}

/** @param folder temporary, ours alone. `allowed` is a file of allowed signers, or null where nobody said whom to trust. */
export async function checkSignature(
  signed: SignedText,
  place: { readonly folder: string; readonly name: string; readonly allowed: string | null },
  signal: AbortSignal,
): Promise<CheckpointSignature> {
  const file = join(place.folder, place.name);
  await writeFile(file, signed.signature, { mode: 0o600 });
  const keygen = async (...args: readonly string[]) =>
    runCommand({ argv: ["ssh-keygen", ...args, "-s", file], input: signed.text, timeoutMs, signal });
  try {
    const by = place.allowed && (await trustedName(place.allowed, keygen));
    if (by) return { kind: "trusted", by };
    const holds = await keygen("-Y", "check-novalidate", "-n", namespace);
    if (holds.exitCode !== 0) return { kind: "invalid", reason: "it was changed after it was signed" };
    const key = /SHA256:[A-Za-z0-9+/]{43}/.exec(holds.stdoutTail)?.[0] ?? "an unknown key";
    return place.allowed === null
      ? { kind: "unproven", reason: `it is signed with ${key}, and it is not said whether that key is trusted` }
      : { kind: "invalid", reason: `it is signed with ${key}, which is not among the trusted keys` };
  } catch (thrown) {
    signal.throwIfAborted();
    if (!(thrown instanceof SluiceError)) throw thrown;
    return { kind: "unproven", reason: `its signature cannot be checked here: ${thrown.message}` };
  }
}

type Keygen = (...args: readonly string[]) => ReturnType<typeof runCommand>;

async function trustedName(allowed: string, keygen: Keygen): Promise<string | undefined> {
  const found = await keygen("-Y", "find-principals", "-f", allowed);
  const name = found.exitCode === 0 ? found.stdoutTail.split("\n")[0]?.trim() : "";
  if (!name) return undefined;
  const verified = await keygen("-Y", "verify", "-f", allowed, "-I", name, "-n", namespace);
  return verified.exitCode === 0 ? name : undefined;
}
