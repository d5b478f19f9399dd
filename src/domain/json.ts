/** What may be journalled, sent or stored: plain JSON, nothing with behaviour (architecture.md, rule 10). */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * `T` seen as JSON. Interfaces have no index signature, so TypeScript does not accept them as `Json`; this names the
 * places where a plain data interface is journalled, instead of casting to `any` in each of them.
 */
export const asJson = <T>(value: T): Json => value as unknown as Json;
