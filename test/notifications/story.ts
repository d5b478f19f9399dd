/**
 * What the channels are told while releases like the demo's are deployed, in the scenarios' world: virtual time, so that it is the
 * same each time. One that goes live, one that is rolled back, one that never starts, and one that two people have to approve.
 */
import type { Notification, NotificationKind } from "../../src/domain/notification.ts";
import { scenarioWorld, type World, type WorldOptions } from "../scenarios/world.ts";

export interface Told {
  readonly notification: Notification;
  readonly key: string;
}

export async function story(): Promise<readonly Told[]> {
  const crashes = { kind: "crashes", afterMs: 500, lastLines: "Error: SHOP_EXCHANGE_RATES is missing" } as const;
  const releases = { "v1.0.0": {}, "v1.1.0": { errorRate: 0.9 }, "v1.2.0": {}, "v1.4.0": { start: crashes } };
  const inProduction = await toldIn({ releases }, async (world) => {
    for (const tag of ["v1.1.0", "v1.2.0", "v1.4.0"]) await world.deploy(tag);
  });
  const twoApprove = await toldIn({ releases: { "v1.0.0": {} }, settings: { approvals: { required: 2 } } }, approved);
  return [...inProduction, ...twoApprove];
}

/** What is told from the second deployment on: the first has nothing to be compared with, or to go back to. */
async function toldIn(options: WorldOptions, play: (world: World) => Promise<void>): Promise<readonly Told[]> {
  const world = scenarioWorld(options);
  try {
    const needsPeople = options.settings?.approvals !== undefined;
    if (!needsPeople) await world.deploy("v1.0.0");
    const before = world.channel.deliveries.length;
    const [team] = world.notifiers;
    if (team) Object.assign(team, { takesReport: true });
    await play(world);
    return world.channel.deliveries.slice(before);
  } finally {
    world.dispose();
  }
}

async function approved(world: World): Promise<void> {
  const id = await world.begin("v1.0.0");
  for (const [missing, person] of [
    [2, "bob"],
    [1, "eve"],
  ] as const) {
    await world.untilTold(id, new RegExp(`^waiting for ${missing} more approval`));
    await world.approve(id, person);
  }
  await world.ended(id);
}

/** The first of each kind, in the order in which they are told. */
export function firstOfEachKind(told: readonly Told[]): ReadonlyMap<NotificationKind, Told> {
  const kinds = new Map<NotificationKind, Told>();
  for (const each of told) if (!kinds.has(each.notification.kind)) kinds.set(each.notification.kind, each);
  return kinds;
}

/** Of a plan: another one with each new setting. */
export const withoutDigests = (text: string): string =>
  text.replaceAll(/\b(plan|digest) [0-9a-f]{12}\b/gi, "$1 0123456789ab");

/** As a channel gets it that takes no report. */
export const brief = ({ notification: { report: _, ...notification } }: Told): Notification => notification;
