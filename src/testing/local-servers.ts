/** Real servers on loopback for tests of adapters, and certificates made for the occasion by openssl. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect, createServer as createTcp, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface LocalServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export const httpServer = (listener: RequestListener): Promise<LocalServer> => started(createHttp(listener), "http");

export const httpsServer = (certificate: Certificate, listener: RequestListener): Promise<LocalServer> =>
  started(createHttps({ key: certificate.key, cert: certificate.cert }, listener), "https");

export const tcpServer = (onConnection: (socket: Socket) => void): Promise<LocalServer> =>
  started(createTcp(onConnection), "tcp");

async function started(server: Server | NetServer, scheme: string): Promise<LocalServer> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    const closed = new Promise((ended) => server.close(ended));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, url: `${scheme}://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
}

/**
 * A port that refuses connections and goes on doing so: below those that the system gives away, where another test's server
 * could turn up a moment later.
 */
export async function refusingPort(): Promise<number> {
  for (let port = 1; port < 1024; port += 2) {
    const socket = connect({ host: "127.0.0.1", port });
    const refused = await Promise.race([
      once(socket, "connect").then(() => false),
      once(socket, "error").then(() => true),
    ]).catch(() => true);
    socket.destroy();
    if (refused) return port;
  }
  throw new Error("every low port of this machine answers");
}

/** A port that was free a moment ago, for a server of one's own. */
export async function closedPort(): Promise<number> {
  await using server = await tcpServer(() => undefined);
  return server.port;
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

export interface TestCertificates {
  /** The private CA that signed the others, but for `selfSigned`. */
  readonly ca: string;
  /** For 127.0.0.1 and localhost, thirty days. */
  readonly valid: Certificate;
  readonly expired: Certificate;
  /** For shop.example only. */
  readonly otherHost: Certificate;
  readonly selfSigned: Certificate;
}

const run = promisify(execFile);

/** Takes about a tenth of a second. */
export async function testCertificates(): Promise<TestCertificates> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-certificates-"));
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  const request = (name: string, ...args: string[]) =>
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      `${name}.key`,
      ...args,
    );
  const read = async (name: string): Promise<Certificate> => ({
    key: await readFile(join(folder, `${name}.key`), "utf8"),
    cert: await readFile(join(folder, `${name}.crt`), "utf8"),
  });
  const local = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  async function signed(name: string, altNames: string, ...validity: string[]): Promise<Certificate> {
    await writeFile(join(folder, `${name}.ext`), altNames);
    await request(name, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    const files = ["-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", `${name}.ext`];
    await openssl("ca", "-batch", "-config", "ca.cnf", "-notext", ...files, ...validity);
    return read(name);
  }
  try {
    await writeFile(join(folder, "ca.cnf"), caConfig);
    await writeFile(join(folder, "index.txt"), "");
    await request("ca", "-x509", "-subj", "/CN=Test CA", "-days", "30", "-out", "ca.crt");
    await request("self", "-x509", "-subj", "/CN=self", "-days", "30", "-addext", local, "-out", "self.crt");
    return {
      ca: (await read("ca")).cert,
      selfSigned: await read("self"),
      valid: await signed("valid", local, "-days", "30"),
      expired: await signed("expired", local, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"),
      otherHost: await signed("other", "subjectAltName=DNS:shop.example", "-days", "30"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const caConfig = `[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
`;
