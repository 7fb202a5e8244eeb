/* SPDX-License-Identifier: MIT */
/*
 * "Our client secret is rotated, and the stream dies some hours later."
 *
 * The program of that thread read the secret from the vault when it started
 * and gave it to the SDK, which had no way to be given another one.  The socket
 * outlived the rotation, so that all looked well; the next token was refused,
 * and the reconnect failed silently until somebody restarted the service.
 *
 * Here the client asks whenever it needs a token, and waits for the answer
 * without holding up anything else.  A vault is rotated a moment before or
 * after the service is: give the new and the old secret, and the second one is
 * tried if the first is refused.  If both are, the vault is asked again.
 *
 * settings.json: { "vault": "https://vault/v1/genesys", "topics": [...] }
 * The vault answers [{ "clientId": "...", "clientSecret": "..." }, ...].
 */
// @ts-check
'use strict';

const { NotificationClient } = require('gcnotify');
const { options, topics, vault } = require('./settings.json');

/** @param {import('gcnotify').RenewContext} context */
async function credentials({ reason, attempt, signal }) {
  console.error('vault', reason, attempt);
  const answer = await fetch(vault, { signal });
  if (!answer.ok) throw new Error(`the vault said ${answer.status}`);
  return /** @type {Promise<import('gcnotify').Credentials[]>} */ (
    answer.json());
}

const client = new NotificationClient({ ...options, credentials });
process.once('SIGTERM', () => client.close());

client.on('reconnecting', ({ delayMs, reason }) => {
  console.error('reconnecting', delayMs, reason.message, reason.cause ?? '');
});
client.on('gap', ({ since, until }) => console.error('gap', since, until));
client.on('notify', (event) => {
  console.log('event', event.id, JSON.stringify(event));
});

client.subscribe(topics).catch((error) => {
  if (error.code !== 'ERR_GCN_CLOSED') throw error; /* SIGTERM came first */
});
