/** What the ledger's database answers when it does not do what it was asked, in our words: what it is, and what a person can do. */
import type { ErrorCode } from "../../domain/error-codes.ts";
import { SluiceError } from "../../domain/errors.ts";

interface Trouble {
  /** SQLSTATE, or Node's code. */
  readonly codes: RegExp;
  readonly message: string;
  readonly hint: string;
  /** LEDGER_UNREACHABLE otherwise: whoever runs a deployment waits until it is over. */
  readonly code?: ErrorCode;
}

/** The first that fits. Nothing of these is anybody's bug, and nothing is undone because of them. */
const troubles: readonly Trouble[] = [
  {
    codes: /^53100$/,
    code: "DISK_FULL",
    message: "has a full disk",
    hint: "Nothing is lost; running deployments wait. Free some space on it.",
  },
  {
    codes: /^(XX00[12]|58P01|58030)$/,
    code: "STATE_DAMAGED",
    message: "has damaged files",
    hint: "Nothing was changed. Restore the database from its backup.",
  },
  {
    codes: /^(42P0[127]|42703|42883|42804|3F000)$/,
    code: "STATE_DAMAGED",
    message:
      'does not have the tables that a ledger has in its schema "sluice"; they are somebody else\'s, or were changed',
    hint: "Nothing was touched. Give Sluice a database of its own (SLUICE_DATABASE_URL).",
  },
  {
    codes: /^(28|3D000)/,
    message: "refuses us",
    hint: "Check user, password, database name and TLS (sslmode) in SLUICE_DATABASE_URL.",
  },
  {
    codes: /^(ETLS|ERR_TLS_|ERR_SSL_|[A-Z_]*CERT[A-Z_]*$|UNABLE_TO_)/,
    message: "cannot be reached securely",
    hint: "Check sslmode and the server's certificate (NODE_EXTRA_CA_CERTS, or sslrootcert in SLUICE_DATABASE_URL).",
  },
  {
    codes: /^ERR_INVALID_URL$/,
    message: "has an address that is none",
    hint: "Write it as postgresql://user:password@host:5432/database in SLUICE_DATABASE_URL.",
  },
  {
    codes: /^25006$/,
    message: "is read-only",
    hint: "Is it a standby, or set to default_transaction_read_only? Point SLUICE_DATABASE_URL at the primary.",
  },
  {
    codes: /^42501$/,
    message: "does not let us work in it",
    hint: "Grant the user of SLUICE_DATABASE_URL the right CREATE on the database, and its own tables.",
  },
  {
    codes: /^(53300|57P05)$/,
    message: "has no connection left for us",
    hint: "Sluice needs 4 to 14 for each process that deploys. Raise max_connections, or end others.",
  },
  {
    codes: /^(57014|55P03|25P0[34]|40P01)$/,
    message: "kept us waiting too long",
    hint: "Somebody else holds a lock on our tables. Look for idle transactions in pg_stat_activity.",
  },
  {
    codes: /^(08|57P|53|E[A-Z_]+$)/,
    message: "cannot be reached",
    hint: "Check that it runs and that SLUICE_DATABASE_URL is right.",
  },
];

export async function inOurWords<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (cause) {
    throw translated(cause as Error & { readonly code?: string });
  }
}

function translated(cause: Error & { readonly code?: string }): Error {
  if (cause instanceof SluiceError) return cause;
  const code = cause.code ?? codeWithout(cause.message);
  const trouble = troubles.find(({ codes }) => codes.test(code));
  if (!trouble) return cause;
  return new SluiceError({
    code: trouble.code ?? "LEDGER_UNREACHABLE",
    remedy: "retry",
    at: "ledger",
    message: `The ledger's database ${trouble.message}: ${cause.message.replace(/\.$/, "")}.`,
    hint: `${trouble.hint} Then: sluice status`,
    cause,
  });
}

/** The driver has no code for what it finds out by itself. */
function codeWithout(message: string): string {
  if (/SSL|TLS/.test(message)) return "ETLS";
  if (/SASL|password must be/i.test(message)) return "28000";
  return /timeout|terminated|ended|connection/i.test(message) ? "ETIMEDOUT" : "";
}
