/* SPDX-License-Identifier: MIT */
/*
 * "My client reconnects for ever and gets nothing but 401."
 *
 * The program of that thread fetched a token once, when it started, and its
 * `close` handler connected again: at once, and with that token.  But the
 * socket had been closed because the token had ended.  So each attempt was
 * refused, each refusal made the next attempt, thousands a minute until the
 * service answered 429; nobody was told which events were missed meanwhile.
 *
 * Here no handler connects.  The client gets a fresh token before it comes
 * back, waits between attempts, puts the topics again, and says from when to
 * when it was blind.
 *
 * settings.json: { "options": { "environment": "mypurecloud.de" },
 *                  "topics": ["v2.users.{id}.presence"] }
 * The credentials are in GENESYSCLOUD_OAUTHCLIENT_ID and _SECRET.
 */
// @ts-check
'use strict';

const { NotificationClient } = require('gcnotify');
const { options, topics } = require('./settings.json');

const client = new NotificationClient(options);
process.once('SIGTERM', () => client.close());

client.on('reconnecting', ({ attempt, delayMs, reason }) => {
  console.error('reconnecting', attempt, delayMs, reason.message);
});
client.on('gap', ({ since, until }) => {
  console.error('gap', since, until); /* read this time's state by REST */
});

async function main() {
  await client.subscribe(topics);
  for await (const event of client) {
    console.log('event', event.id, JSON.stringify(event));
  }
}

main().catch((error) => {
  if (error.code !== 'ERR_GCN_CLOSED') throw error; /* SIGTERM came first */
});
