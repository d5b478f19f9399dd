/** Who asks, as far as dividing and counting need it: a hash that is the same for all requests of one session. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { shardCount } from "./meter.ts";

/**
 * 32 evenly mixed bits. FNV-1a alone leaves sequential keys unevenly spread (customers
 * numbered 1 to 1000 would give 0 % for "1 %").
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** MurmurHash3's finaliser: every bit of the result depends on every bit of `hash`; 0 to 2^32 - 1. */
export function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * Which of the sixteen parts counts it. Without an affinity key a session is what X-Forwarded-For (`forwardedFor`, empty if
 * there was none) names first, else the connection: an address alone would put everybody behind one office, or one load
 * generator, into a single part.
 */
export function shardOf(request: IncomingMessage, forwardedFor: string, affinityKey?: string): number {
  if (affinityKey !== undefined) return hashOf(affinityKey) % shardCount;
  if (forwardedFor === "") return shardOfConnection(request.socket);
  const end = forwardedFor.indexOf(",");
  return hashOf(end < 0 ? forwardedFor : forwardedFor.slice(0, end)) % shardCount;
}

const shards = new WeakMap<Socket, number>();

/** Worked out once for all requests of a connection. */
function shardOfConnection(socket: Socket): number {
  const known = shards.get(socket);
  if (known !== undefined) return known;
  const shard = hashOf(`${socket.remoteAddress}:${socket.remotePort}`) % shardCount;
  shards.set(socket, shard);
  return shard;
}
