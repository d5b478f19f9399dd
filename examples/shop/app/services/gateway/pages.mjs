// The web page's files, read once at start: the built ones where there is a build, the sources otherwise.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const types = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** Path of the address → { body, type, etag }. */
export function loadPages() {
  const built = new URL("../../dist/web/", import.meta.url);
  const folder = existsSync(built) ? built : new URL("../../web/", import.meta.url);
  const pages = new Map(readdirSync(folder).map((name) => [`/${name}`, load(new URL(name, folder))]));
  return pages.set("/", pages.get("/index.html"));
}

function load(file) {
  const body = readFileSync(file);
  const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
  return { body, type: types[file.pathname.split(".").pop()] ?? "application/octet-stream", etag };
}

export function sendPage(request, response, { body, type, etag }) {
  const headers = { etag, "cache-control": "no-cache" };
  if (request.headers["if-none-match"] === etag) return response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, "content-type": type, "content-length": body.length });
  response.end(body);
}
