// The gateway is as well as what is behind it.
export const upstreamHealth = "/auth/health";

/** { status, body } from the status that auth answered with; undefined: it did not. */
export function healthFrom(authStatus, version) {
  const status = authStatus === 200 ? "ok" : "failing";
  return { status: authStatus === 200 ? 200 : 503, body: { status, version, auth: authStatus ?? "no answer" } };
}
