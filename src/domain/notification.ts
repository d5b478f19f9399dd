/** N1: what people are told. One shape for every channel; a channel shortens, it never adds. */
export const notificationKinds = [
  "started",
  "awaiting-approval",
  "approval-reminder",
  "approved",
  "rejected",
  "expired",
  "cancelled",
  "stage-passed",
  "component-updated",
  "alert",
  "rollback-triggered",
  "succeeded",
  "failed",
  "rolled-back",
  "rollback-failed",
  "quarantined",
  "backup-failed",
  "drill-failed",
  "objective-missed",
  "superseded",
] as const;

/** `test`: sent by hand to see whether a channel works; it can be routed nowhere. */
export type NotificationKind = (typeof notificationKinds)[number] | "test";

/** What an alert can mean; `succeeded` resolves it. */
export const pagedKinds = [
  "alert",
  "rollback-triggered",
  "succeeded",
  "failed",
  "rolled-back",
  "rollback-failed",
  "quarantined",
  "backup-failed",
  "drill-failed",
  "objective-missed",
] as const satisfies readonly NotificationKind[];

/** What a page for the public can mean. */
export const publishedKinds = [
  "started",
  "alert",
  "rollback-triggered",
  "succeeded",
  "failed",
  "cancelled",
  "rolled-back",
  "rollback-failed",
  "quarantined",
] as const satisfies readonly NotificationKind[];

export type NotificationTone = "info" | "good" | "warn" | "bad";

export const notificationTones = {
  started: "info",
  "awaiting-approval": "warn",
  "approval-reminder": "warn",
  approved: "info",
  rejected: "warn",
  expired: "warn",
  cancelled: "warn",
  "stage-passed": "info",
  "component-updated": "info",
  alert: "warn",
  "rollback-triggered": "bad",
  succeeded: "good",
  failed: "bad",
  "rolled-back": "bad",
  "rollback-failed": "bad",
  quarantined: "bad",
  "backup-failed": "bad",
  "drill-failed": "bad",
  "objective-missed": "warn",
  superseded: "info",
  test: "info",
} as const satisfies Readonly<Record<NotificationKind, NotificationTone>>;

/** Of a deployment's own end; every other kind comes before one, or belongs to none. */
const ends: ReadonlySet<NotificationKind> = new Set([
  "rejected",
  "expired",
  "cancelled",
  "succeeded",
  "failed",
  "rolled-back",
  "rollback-failed",
  "quarantined",
  "superseded",
]);
export const endsDeployment = (kind: NotificationKind): boolean => ends.has(kind);

export interface Notification {
  readonly kind: NotificationKind;
  readonly atMs: number;
  readonly project: string;
  readonly environment: string;
  readonly environmentUrl: string | null;
  readonly deploymentId: string;
  readonly version: string;
  /** Of the release; absent where no deployment is told of, or in what an earlier version of Sluice left to be told. */
  readonly commit?: string;
  /** It goes back to a version that was deployed before. */
  readonly isRollback?: true;
  readonly title: string;
  /** What failed, or what happened, in one or two sentences. */
  readonly message: string;
  readonly backup: string | null;
  /** Minutes in which a rollback is still possible; null where none is. */
  readonly rollbackMinutesLeft: number | null;
  /** What the reader should do; ends with a command. */
  readonly next: string;
  /** The version that serves afterwards, once that is known; null: none. */
  readonly serves?: string | null;
  /** Markdown: the summary or the incident report, for channels that take more than a few lines. */
  readonly report?: string;
}

/** What every channel has beside the message, as far as there is something to say. */
export function notificationFacts(notification: Notification): readonly (readonly [label: string, value: string])[] {
  const { environment, version, deploymentId, backup, rollbackMinutesLeft: minutes, serves } = notification;
  return [
    ["Environment", environment],
    ["Version", version],
    ["Deployment", deploymentId],
    ...(serves === undefined ? [] : [["Now serving", serves ?? "nothing"] as const]),
    ...(backup === null ? [] : [["Backup", backup] as const]),
    ...(minutes === null ? [] : [["Rollback possible for", `${minutes} min`] as const]),
  ];
}
