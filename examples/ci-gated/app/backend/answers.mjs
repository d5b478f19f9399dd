// What the backend answers, apart from how it is served, so that CI can ask for it without a server.
const documentation = { title: "Awareness API", paths: ["/api/health", "/api/docs", "/api/auth/status"] };

/** { status, body } for a path; `version` is the running release's. */
export function answerTo(path, version) {
  if (path === "/health" || path === "/api/health") return { status: 200, body: { status: "ok", version } };
  if (path === "/api/docs") return { status: 200, body: documentation };
  if (path === "/api/auth/status") return authStatus();
  return { status: 404, body: { error: "not found" } };
}

function authStatus() {
  return { status: 200, body: { user: null, signIn: "/api/auth/login" } };
}
