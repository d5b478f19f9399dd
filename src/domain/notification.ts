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

export type NotificationKind = (typeof notificationKinds)[number];

export interface Notification {
  readonly kind: NotificationKind;
  readonly atMs: number;
  readonly project: string;
  readonly environment: string;
  readonly environmentUrl: string | null;
  readonly deploymentId: string;
  readonly version: string;
  readonly title: string;
  /** What failed, or what happened, in one or two sentences. */
  readonly message: string;
  readonly backup: string | null;
  /** Minutes in which a rollback is still possible; null where none is. */
  readonly rollbackMinutesLeft: number | null;
  /** What the reader should do; ends with a command. */
  readonly next: string;
}
