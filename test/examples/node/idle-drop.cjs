/* SPDX-License-Identifier: MIT */
/*
 * "The socket is dropped after 90 seconds, and then I get 429."
 *
 * Between the program of that thread and the service there was a box that
 * forgot idle connections without a word.  `ws` had nothing to report, so the
 * program sat on a dead socket, or noticed by a write and connected again every
 * second; the service answered 429 with Retry-After, which nobody read, and
 * each attempt that came too early made the wait longer.  Subscriptions and
 * events of that time were gone, without a trace.
 *
 * Here silence is noticed: the service's heartbeats are missing, a ping is not
 * answered, and the connection is given up.  A 429 is waited for exactly as
 * long as it says.  What was missed is told, to be read by REST.
 *
 * settings.json: { "options": { "environment": "mypurecloud.ie" },
 *                  "topics": ["v2.routing.queues.{id}.conversations"] }
 */
// @ts-check
'use strict';

const { NotificationClient } = require('gcnotify');
const { options, topics } = require('./settings.json');

const client = new NotificationClient(options);
process.once('SIGTERM', () => client.close());

client.on('reconnecting', ({ delayMs, reason, retryAfter }) => {
  console.error('reconnecting', reason.code, delayMs,
    retryAfter ? 'as the service asked' : '');
});
client.on('gap', ({ since, until, topics: blind }) => {
  console.error('gap', since, until, blind.length);
});
client.on('heartbeat', () => console.error('heartbeat'));
client.on('notify', (event) => {
  console.log('event', event.id, JSON.stringify(event));
});

client.subscribe(topics).catch((error) => {
  if (error.code !== 'ERR_GCN_CLOSED') throw error; /* SIGTERM came first */
});
