/** Bytes that go somewhere, and whether what broke was their source: then its own error is the one to report. */
export interface WatchedBytes {
  readonly bytes: () => AsyncGenerator<Uint8Array>;
  /** What went wrong where the bytes come from. */
  readonly broken: () => { readonly error: unknown } | undefined;
}

/**
 * Only what `next` throws is the source's: a stream that is destroyed throws its own error, such as a decoder's, into whoever
 * feeds it.
 */
export function watchedBytes(source: AsyncIterable<Uint8Array>): WatchedBytes {
  let broken: { readonly error: unknown } | undefined;
  async function* reading(): AsyncGenerator<Uint8Array> {
    const iterator = source[Symbol.asyncIterator]();
    const next = () =>
      iterator.next().catch((error: unknown) => {
        broken = { error };
        throw error;
      });
    try {
      for (let each = await next(); !each.done; each = await next()) yield each.value;
    } finally {
      if (!broken) await iterator.return?.();
    }
  }
  return { bytes: reading, broken: () => broken };
}
