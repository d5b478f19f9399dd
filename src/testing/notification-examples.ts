/** Notifications for the tests of channels: one that is usual, and one in which every text is an attack. */
import type { Notification } from "../domain/notification.ts";

export const exampleNotification: Notification = {
  kind: "rolled-back",
  atMs: Date.UTC(2026, 10, 20, 14, 5),
  project: "shop",
  environment: "production",
  environmentUrl: "https://shop.example",
  deploymentId: "d-20261120-140000-3f2a9c1",
  version: "v1.2.0",
  title: "v1.2.0 in production: rolled-back",
  message: "96 of 100 requests failed. Now serving: v1.1.0.",
  backup: "b-1",
  rollbackMinutesLeft: null,
  next: "sluice record d-20261120-140000-3f2a9c1",
  serves: "v1.1.0",
};

const hostile =
  "<!channel> <@U123> <https://evil.example|click> @everyone & \u001b[31m\r\nBcc: all@example.com <img src=x onerror=alert(1)> ünï😀";

export const hostileNotification: Notification = {
  ...exampleNotification,
  version: hostile,
  title: hostile,
  message: hostile,
  next: hostile,
  backup: hostile,
};
