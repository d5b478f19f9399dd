/** What a server's certificate says, read from the connection it was shown on. */
import type { PeerCertificate, TLSSocket } from "node:tls";

export interface TlsFacts {
  readonly protocol: string;
  /** Whether the chain and the host name were verified. */
  readonly verified: boolean;
  /** Why not; null where verified. */
  readonly fault: string | null;
  readonly subject: string;
  readonly issuer: string;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly sha256: string;
}

export function tlsFacts(socket: TLSSocket): TlsFacts | null {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  if (certificate.valid_to === undefined || certificate.valid_from === undefined) return null;
  return {
    protocol: socket.getProtocol() ?? "unknown",
    verified: socket.authorized,
    fault: socket.authorized ? null : String(socket.authorizationError ?? "not verified"),
    subject: nameIn(certificate.subject),
    issuer: nameIn(certificate.issuer),
    validFromMs: Date.parse(certificate.valid_from),
    validToMs: Date.parse(certificate.valid_to),
    sha256: certificate.fingerprint256 ?? "",
  };
}

function nameIn(distinguished: PeerCertificate["subject"] | undefined): string {
  const name = distinguished?.CN ?? distinguished?.O ?? "unnamed";
  return Array.isArray(name) ? name.join(", ") : name;
}
