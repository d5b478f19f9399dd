/** Whether a restored copy of a database fits beside it: looked at before anything is begun, since a full disk stops the live one too. */
import { humanBytes } from "./duration.ts";

export interface Room {
  /** Of the live database, indexes and all: a fresh copy is seldom larger. */
  readonly liveBytes: number;
  /** Of the disk on which a copy would lie; null where that cannot be seen from here. */
  readonly freeBytes: number | null;
  /** As configured, for a disk that cannot be seen. */
  readonly limitBytes: number | null;
  /** The place, or why nobody knows. */
  readonly words: string;
}

export type RoomVerdict =
  | { readonly kind: "enough"; readonly words: string }
  | { readonly kind: "short"; readonly words: string }
  /** Never taken for enough. */
  | { readonly kind: "unknown"; readonly words: string };

/** `neededBytes`: of the database when it was dumped; null where that is not known, then of the live one. */
export function roomVerdict(room: Room, neededBytes: number | null, reserveBytes: number): RoomVerdict {
  const needed = neededBytes ?? room.liveBytes;
  const takes = `a copy takes about ${humanBytes(needed)}`;
  const { freeBytes, limitBytes, words } = room;
  if (freeBytes !== null && freeBytes < needed + reserveBytes) {
    const left = reserveBytes > 0 ? `, of which ${humanBytes(reserveBytes)} must be left` : "";
    return { kind: "short", words: `${takes}, and ${words} has ${humanBytes(freeBytes)} free${left}` };
  }
  if (limitBytes !== null && limitBytes < needed) {
    return { kind: "short", words: `${takes}, and roomForCopy allows ${humanBytes(limitBytes)}` };
  }
  if (freeBytes !== null) {
    return { kind: "enough", words: `${takes}, and ${words} has ${humanBytes(freeBytes)} free` };
  }
  if (limitBytes !== null)
    return { kind: "enough", words: `${takes}, and roomForCopy allows ${humanBytes(limitBytes)}` };
  return { kind: "unknown", words: `${takes}, and whether that fits is not known: ${words}` };
}
