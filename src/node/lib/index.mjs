/* SPDX-License-Identifier: MIT */
import gcnotify from './index.cjs';

export const {
  GenesysNotificationError,
  NotificationClient,
  version,
} = gcnotify;
