/**
 * Storing one backup. Whose an object is, is told by the name of its writing, not by its key: two processes may write the same
 * key, and a request that was repeated may meet its own first try.
 */
import { createHash, randomUUID } from "node:crypto";
import { SluiceError } from "../../domain/errors.ts";
import type { StoredObject } from "../../ports/backup-store.ts";
import { manifestSuffix } from "../backup-manifest.ts";
import { locationOf } from "./client.ts";
import { requireLock } from "./lock.ts";
import { type Bucket, headOf, removeObject } from "./requests.ts";
import {
  beginUpload,
  completeUpload,
  type ObjectToWrite,
  partsOf,
  putWhole,
  sendParts,
  withdrawUpload,
} from "./upload.ts";

export interface Written extends StoredObject {
  readonly writing: string;
}

export type Protection = Pick<ObjectToWrite, "lock" | "encryption">;

export interface Put {
  readonly key: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly partBytes: number;
  readonly protection: Protection;
}

export async function put(bucket: Bucket, request: Put, signal: AbortSignal): Promise<Written> {
  const { key, partBytes, protection } = request;
  signal.throwIfAborted();
  const mustBeNew = (await headOf(bucket, key, signal)) === undefined;
  const writing = randomUUID();
  const object = { key, writing, mustBeNew, contentType: "application/octet-stream", ...protection };
  const { bytes, told } = counted(request.bytes, signal);
  await store(bucket, object, partsOf(bytes, partBytes), partBytes, signal, told);
  // Written by another process while this one replaced the bytes below it: it would describe other bytes.
  await withdrawManifest(bucket, key, signal);
  const { endpoint } = bucket.place;
  return { location: locationOf(bucket.place, key), ...told(), ...(endpoint !== null && { endpoint }), writing };
}

type Told = () => Pick<StoredObject, "sizeBytes" | "sha256">;

function counted(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      yield chunk;
    }
  }
  const told: Told = () => ({ sizeBytes, sha256: hash.copy().digest("hex") });
  return { bytes: bytes(), told };
}

/** In one request where the first part is all there is. */
async function store(
  bucket: Bucket,
  object: ObjectToWrite,
  parts: AsyncGenerator<Uint8Array>,
  partBytes: number,
  signal: AbortSignal,
  told: Told,
): Promise<void> {
  const { value: first } = await parts.next();
  if (first === undefined || first.byteLength < partBytes) {
    await finish(bucket, object, signal, told, () => putWhole(bucket, object, first ?? new Uint8Array(), signal));
    return;
  }
  const id = await beginUpload(bucket, object, signal);
  try {
    const sent = await sendParts(bucket, object.key, id, startingWith(first, parts), signal);
    await finish(bucket, object, signal, told, () => completeUpload(bucket, object, id, sent, signal));
  } catch (error) {
    await withdrawUpload(bucket, object.key, id);
    throw error;
  }
}

async function* startingWith(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

/** Every byte is read and nothing is visible yet. The manifest goes before the bytes that it describes are replaced. */
async function finish(
  bucket: Bucket,
  object: ObjectToWrite,
  signal: AbortSignal,
  told: Told,
  makeVisible: () => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  if (!object.mustBeNew) await withdrawManifest(bucket, object.key, signal);
  try {
    await makeVisible();
    await requireOurs(bucket, object, told().sizeBytes, signal);
    await requireLock(bucket, object.key, object.lock, signal);
  } catch (error) {
    await removeIfOurs(bucket, object);
    throw error;
  }
}

async function withdrawManifest(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  const manifest = key + manifestSuffix;
  if (await headOf(bucket, manifest, signal)) await removeObject(bucket, manifest, signal);
}

/** What the store has under the key, as it tells it now. */
async function requireOurs(
  bucket: Bucket,
  { key, writing }: ObjectToWrite,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const head = await headOf(bucket, key, signal);
  const location = locationOf(bucket.place, key);
  if (head?.writing !== writing) {
    throw failed(
      `Another process stores a backup as ${location}: this one was not written over it, and is not stored.`,
    );
  }
  if (head.sizeBytes !== sizeBytes) {
    throw failed(`${location} was sent ${sizeBytes} bytes, and the store says that it has ${head.sizeBytes}.`);
  }
}

const failed = (message: string): SluiceError =>
  new SluiceError({
    code: "BACKUP_FAILED",
    remedy: "operator",
    at: "backup.store",
    message,
    hint: "See what is stored, and who else deploys: sluice backup list",
  });

const cleaningMs = 15_000;

/** Nothing stays behind where it can be helped. Not bound to the caller's signal, which may be why. */
async function removeIfOurs(bucket: Bucket, { key, writing }: ObjectToWrite): Promise<void> {
  const signal = AbortSignal.timeout(cleaningMs);
  try {
    const head = await headOf(bucket, key, signal);
    if (head?.writing === writing) await removeObject(bucket, key, signal);
  } catch {
    // Without its manifest it is no backup; the trouble that is told is the first one.
  }
}
