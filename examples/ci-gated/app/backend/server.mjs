// The backend's server. SIGTERM: what is under way is finished, then it ends.
import { createServer } from "node:http";
import { answerTo } from "./answers.mjs";

const version = process.env.SLUICE_VERSION || "dev";

const server = createServer((request, response) => {
  const { status, body } = answerTo(new URL(request.url, "http://backend").pathname, version);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
});
server.keepAliveTimeout = 65_000;
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`backend ${version} listening on http://127.0.0.1:${server.address().port}`);
});
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
