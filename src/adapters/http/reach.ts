/**
 * Where an outbound request may go. A check may ask any address that the configuration declares, also a private one; what
 * an answer or a name server says is not a declaration. So a redirect stays on declared hosts, and the addresses that hand
 * out a cloud machine's credentials are refused unless one is written down literally. The decision is made on the resolved
 * address inside the connection's own look-up: a name that changes its address in between gains nothing.
 */
import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

export class ReachRefused extends Error {
  override readonly name = "ReachRefused";
}

/** `anywhere`: all but the metadata addresses. `public`: no loopback, private, link-local or reserved address either. */
export type Reach = "anywhere" | "public";

const metadata = new BlockList();
metadata.addSubnet("169.254.0.0", 16, "ipv4");
metadata.addSubnet("fe80::", 10, "ipv6");
metadata.addAddress("fd00:ec2::254", "ipv6");
metadata.addAddress("100.100.100.200", "ipv4");

const notPublic = new BlockList();
const subnets4 =
  "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24";
const reserved4 = "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4";
const subnets6 = "::/127 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 ff00::/8";
for (const subnet of `${subnets4} ${reserved4}`.split(" ")) addTo(notPublic, subnet, "ipv4");
for (const subnet of subnets6.split(" ")) addTo(notPublic, subnet, "ipv6");

function addTo(list: BlockList, subnet: string, family: "ipv4" | "ipv6"): void {
  const [address = "", prefix] = subnet.split("/");
  list.addSubnet(address, Number(prefix), family);
}

/** Why an address is out of reach; undefined where it is not. IPv6-mapped IPv4 addresses count as what they map. */
export function addressFault(address: string, reach: Reach): string | undefined {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (reach === "public" && notPublic.check(address, family)) return `${address} is not a public address`;
  return metadata.check(address, family) ? `${address} is a link-local or metadata address` : undefined;
}

/** The address written in a URL's host; undefined for a name. URL parsing has made `127.1` and `0x7f000001` plain by then. */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return isIP(bare) === 0 ? undefined : bare;
}

/** A look-up for `net.connect` that fails with `ReachRefused` if any of the name's addresses is out of reach. */
export const guardedLookup =
  (reach: Reach, resolve: LookupFunction = lookup as LookupFunction): LookupFunction =>
  (hostname, options: LookupOptions, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const addresses = found as LookupAddress[];
      const fault = addresses.map(({ address }) => addressFault(address, reach)).find((reason) => reason !== undefined);
      if (fault) return callback(new ReachRefused(`${hostname} resolves to ${fault}`), []);
      const first = addresses[0];
      return options.all || !first ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };

/** An allowed host is `name` (any port) or `name:port`. Without one: the declared URL's own host, on its port or the standard ones. */
export function mayRedirect(from: URL, to: URL, allowed: readonly string[]): boolean {
  const port = to.port || (to.protocol === "https:" ? "443" : "80");
  if (allowed.some((host) => host === to.hostname || host === `${to.hostname}:${port}`)) return true;
  return to.hostname === from.hostname && (to.port === from.port || to.port === "");
}
