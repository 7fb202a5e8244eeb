/* SPDX-License-Identifier: MIT */
'use strict';

const { version } = require('../package.json');
const { NotificationClient } = require('./client.cjs');
const { GenesysNotificationError } = require('./errors.cjs');

module.exports = {
  GenesysNotificationError,
  NotificationClient,
  version,
};
