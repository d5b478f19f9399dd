/** A channel that remembers what it was told, repeats included, and is down when the test says so. */
import type { Notification } from "../domain/notification.ts";
import type { Notifier } from "../ports/notifier.ts";

export interface MemoryNotifier extends Notifier {
  /** Every delivery that was taken, in order. */
  readonly deliveries: readonly { readonly notification: Notification; readonly key: string }[];
  /** What a receiver that drops repeats has seen. */
  readonly told: () => readonly Notification[];
}

export interface MemoryNotifierOptions {
  readonly name?: string;
  /** Asked at each delivery; true: the channel is down and rejects. */
  readonly down?: (key: string) => boolean;
}

export function memoryNotifier({ name = "memory", down = () => false }: MemoryNotifierOptions = {}): MemoryNotifier {
  const deliveries: { notification: Notification; key: string }[] = [];
  return {
    kind: "memory",
    name,
    deliveries,
    told: () =>
      [...new Map(deliveries.toReversed().map(({ key, notification }) => [key, notification])).values()].toReversed(),
    async tell(notification, key, signal) {
      signal.throwIfAborted();
      if (down(key)) throw new Error(`${name} is down`);
      deliveries.push({ notification, key });
    },
  };
}
